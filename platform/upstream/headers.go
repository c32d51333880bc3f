package upstream

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// Identity is what a service is told about its caller.
type Identity struct {
	UserID    string
	GroupIDs  []string // sorted
	IsAdmin   bool
	RequestID string
}

// Set puts the identity into the headers of a call: one line of each, the groups also when there are none.
func (id Identity) Set(h http.Header) {
	h["X-User-Id"] = []string{id.UserID}
	h["X-User-Groups"] = []string{strings.Join(id.GroupIDs, ",")}
	h["X-User-Is-Admin"] = []string{strconv.FormatBool(id.IsAdmin)}
	h["X-Request-Id"] = []string{id.RequestID}
}

// ForwardedHeader returns the headers of a client's request that a service may see: none that speak of the
// connection, credentials, identity, the way the request came, or another method or path than its own, in any
// spelling. The values are shared with in.
func ForwardedHeader(in http.Header) http.Header {
	out := make(http.Header, len(in)+5)
	for name, values := range in {
		if !requestPrivate.has(name) {
			out[name] = values
		}
	}
	dropNamed(out, in["Connection"])
	if _, ok := out["User-Agent"]; !ok {
		out["User-Agent"] = []string{""} // keeps the transport from naming itself
	}
	return out
}

// ReturnHeader moves the headers of a service's reply that a client may see into dst. What describes the connection,
// the service's software, our origin (cookies, CORS and the like) or identity stays behind, in any spelling.
func ReturnHeader(dst, reply http.Header) {
	dropNamed(reply, reply["Connection"])
	for name, values := range reply {
		if replyPrivate.has(name) {
			continue
		}
		if already := dst[name]; len(already) > 0 { // such as Vary
			values = slices.Concat(already, values)
		}
		dst[name] = values
	}
}

// dropNamed removes the headers that a Connection header declares to be of that connection alone.
func dropNamed(h http.Header, connection []string) {
	for _, line := range connection {
		for name := range strings.SplitSeq(line, ",") {
			h.Del(strings.TrimSpace(name))
		}
	}
}

// nameSet is a set of header names and name prefixes, in lower case.
type nameSet struct {
	names    map[string]bool
	prefixes map[byte][]string // by first letter
}

// has reports whether the set holds the name as servers behind CGI-like interfaces read it: without regard to case,
// and with every sign but letters and digits as good as a hyphen.
func (s *nameSet) has(name string) bool {
	if name == "" {
		return true
	}
	var buf [64]byte
	plain := buf[:0]
	for _, c := range []byte(name) {
		switch {
		case 'A' <= c && c <= 'Z':
			c += 'a' - 'A'
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9':
		default:
			c = '-'
		}
		plain = append(plain, c)
	}
	if s.names[string(plain)] {
		return true
	}
	return slices.ContainsFunc(s.prefixes[plain[0]], func(p string) bool {
		return len(plain) >= len(p) && string(plain[:len(p)]) == p
	})
}

func newNameSet(text string) *nameSet {
	s := &nameSet{names: map[string]bool{}, prefixes: map[byte][]string{}}
	for _, name := range strings.Fields(text) {
		if prefix, ok := strings.CutSuffix(name, "*"); ok {
			s.prefixes[prefix[0]] = append(s.prefixes[prefix[0]], prefix)
		} else {
			s.names[name] = true
		}
	}
	return s
}

const (
	identity = "x-user-* x-request-id"
	// RFC 9110, section 7.6.1, and the older ones still met
	hopByHop = "connection keep-alive proxy-* proxy te trailer transfer-encoding upgrade http2-settings"
)

var (
	requestPrivate = newNameSet(identity + " " + hopByHop + `
		host content-length expect
		authorization cookie cookie2
		forwarded via x-forwarded x-forwarded-* x-real-ip x-client-ip x-cluster-client-ip x-originating-ip
		x-remote-ip x-remote-addr x-remote-user client-ip true-client-ip fastly-client-ip cf-connecting-* x-envoy-* x-accel-*
		x-http-method x-http-method-override x-method-override x-original-* x-rewrite-* x-override-* x-host`)

	replyPrivate = newNameSet(identity + " " + hopByHop + `
		server x-powered-by x-aspnet-version x-accel-* set-cookie set-cookie2 access-control-*
		alt-svc clear-site-data refresh service-worker-allowed strict-transport-security`)
)
