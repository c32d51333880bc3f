package egress

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/dns/dnsmessage"
)

// The system's resolver takes spellings of addresses that Go's own does not. The proxy would answer for every host.
func TestMain(m *testing.M) {
	os.Setenv("GODEBUG", "netdns=cgo")
	os.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	os.Exit(m.Run())
}

// service is an HTTP service at 127.0.0.1 that counts the connections it gets.
type service struct {
	port  string
	conns atomic.Int64
}

func newService(t *testing.T) *service {
	t.Helper()
	s := &service{}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "hello")
	}))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			s.conns.Add(1)
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	s.port = server.Listener.Addr().String()[len("127.0.0.1:"):]
	return s
}

// at is a URL of the service whose host is so spelled.
func (s *service) at(host string) string { return "http://" + host + ":" + s.port + "/" }

// resolver is a Go resolver whose questions are all answered by the function, one question after the other.
func resolver(answer func(name string) []string) *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		ours, theirs := net.Pipe()
		go func() {
			defer theirs.Close()
			for serveDNS(theirs, answer) == nil {
			}
		}()
		return ours, nil
	}}
}

// serveDNS answers one question of a stream, as RFC 1035 section 4.2.2 frames it.
func serveDNS(conn io.ReadWriter, answer func(name string) []string) error {
	var length [2]byte
	if _, err := io.ReadFull(conn, length[:]); err != nil {
		return err
	}
	packet := make([]byte, binary.BigEndian.Uint16(length[:]))
	if _, err := io.ReadFull(conn, packet); err != nil {
		return err
	}
	var m dnsmessage.Message
	if err := m.Unpack(packet); err != nil {
		return err
	}
	q := m.Questions[0]
	m.Response, m.RecursionAvailable, m.Additionals = true, true, nil
	for _, text := range answer(strings.TrimSuffix(q.Name.String(), ".")) {
		var body dnsmessage.ResourceBody
		switch a := netip.MustParseAddr(text); {
		case a.Is4() && q.Type == dnsmessage.TypeA:
			body = &dnsmessage.AResource{A: a.As4()}
		case a.Is6() && q.Type == dnsmessage.TypeAAAA:
			body = &dnsmessage.AAAAResource{AAAA: a.As16()}
		default:
			continue
		}
		m.Answers = append(m.Answers, dnsmessage.Resource{
			Header: dnsmessage.ResourceHeader{Name: q.Name, Class: q.Class}, Body: body})
	}
	packet, err := m.Pack()
	if err != nil {
		return err
	}
	_, err = conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(packet))), packet...))
	return err
}

// transportOf makes a transport whose names are looked up by the resolver, nil for that of the system. With a cage, an
// address that no route leads out from, a permitted address elsewhere fails at once and no packet leaves the machine.
func transportOf(t *testing.T, p Policy, r *net.Resolver, cage net.IP) *http.Transport {
	t.Helper()
	dialer := net.Dialer{Timeout: 20 * time.Second, Resolver: r}
	if cage != nil {
		dialer.LocalAddr = &net.TCPAddr{IP: cage}
	}
	tr := transport(p, dialer)
	t.Cleanup(tr.CloseIdleConnections)
	return tr
}

var (
	cage4 = net.IPv4(127, 0, 0, 1)
	cage6 = net.ParseIP("2001:db8::1") // no machine's
)

// outcome of a call: it was refused, it failed after the policy let it through, or it arrived.
type outcome string

const (
	refused outcome = "refused"
	failed  outcome = "failed"
	arrived outcome = "arrived"
)

func call(t *testing.T, tr *http.Transport, target string) outcome {
	t.Helper()
	u, err := url.Parse(target)
	require.NoError(t, err)
	res, err := (&http.Client{Transport: tr}).Do((&http.Request{Method: "GET", URL: u}).WithContext(t.Context()))
	if errors.Is(err, ErrRefused) {
		return refused
	}
	if err != nil {
		return failed
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	require.Equal(t, "hello", string(body))
	return arrived
}
