package egress

import (
	"errors"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

var (
	errHost = errors.New("must be host or host:port, such as localhost:11434 or [::1]:8080")
	errPort = errors.New("has a port that is not a number from 1 to 65535")
)

// CheckHost tells whether the text is a host as a [Policy] takes it: a name, an IPv4 address, an IPv6 address with or
// without brackets, and all but the last with a port if wanted. The error does not repeat the text.
func CheckHost(text string) error {
	_, err := parseTarget(text)
	return err
}

// target is an allowed host in its canonical form.
type target struct {
	host string
	port string // "" is any
}

func targets(hosts []string) []target {
	var list []target
	for _, text := range hosts {
		if t, err := parseTarget(text); err == nil {
			list = append(list, t)
		}
	}
	return list
}

func parseTarget(text string) (target, error) {
	if _, err := netip.ParseAddr(text); err == nil {
		return target{host: canonical(text)}, nil
	}
	brackets := strings.IndexByte(text, ']') + 1
	host, port, hasPort := strings.Cut(text[brackets:], ":")
	host = text[:brackets] + host
	if inner, ok := strings.CutPrefix(host, "["); ok {
		host = strings.TrimSuffix(inner, "]")
		if a, err := netip.ParseAddr(host); err != nil || a.Is4() {
			return target{}, errHost
		}
	}
	host = canonical(host)
	if _, err := netip.ParseAddr(host); !utf8.ValidString(text) || err != nil && !isName(host) {
		return target{}, errHost
	}
	if hasPort {
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil || n == 0 {
			return target{}, errPort
		}
		port = strconv.FormatUint(n, 10)
	}
	return target{host, port}, nil
}

// names tells whether the address, "host:port" as the URL has it, belongs to an allowed host.
func (g *guard) names(address string) bool {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	host = canonical(host)
	for _, t := range g.allowed {
		if t.host == host && (t.port == "" || t.port == port) {
			return true
		}
	}
	return false
}

// canonical brings all spellings of a host that mean the same to the caller of a URL into one.
func canonical(host string) string {
	if a, err := netip.ParseAddr(host); err == nil {
		return a.Unmap().String()
	}
	if ascii, err := idna.Lookup.ToASCII(host); err == nil { // as net/http does with the host of a URL
		host = ascii
	}
	return strings.TrimSuffix(strings.ToLower(host), ".")
}

// isName tells whether the canonical host is a name and not a number in disguise, such as 0x7f.1. Underscores are no
// part of host names, but of those that container networks give.
func isName(host string) bool {
	if len(host) > 253 {
		return false
	}
	last := ""
	for label := range strings.SplitSeq(host, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		if strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			return false
		}
		last = label
	}
	hex, isHex := strings.CutPrefix(last, "0x")
	return strings.Trim(last, "0123456789") != "" && !(isHex && strings.Trim(hex, "0123456789abcdef") == "")
}
