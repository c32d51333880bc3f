// Package egress is for calls to addresses that people choose while the gateway runs: they reach only what a policy
// lets them reach, however the address is spelled and whatever its name resolves to.
package egress

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"sync/atomic"
	"syscall"
	"time"
)

// ErrRefused is in the error of a call none of whose addresses the policy lets it dial. Nothing was sent then, not
// even to open a connection.
var ErrRefused = errors.New("the address is not one that may be called")

// Policy says which addresses may be dialled. The zero value lets through public ones alone.
type Policy struct {
	// AllowPrivate opens loopback, the private networks (RFC 1918, fc00::/7) and shared address space (RFC 6598).
	// Link-local, metadata and reserved addresses stay closed.
	AllowPrivate bool

	// AllowedHosts are reached whatever address they have. Each is "host" or "host:port" as a URL names it: without
	// a port every port counts, with one also the default port of a URL that has none. Case, a dot at the end and the
	// spelling of an IPv6 address make no difference. What [CheckHost] refuses matches nothing.
	AllowedHosts []string
}

const (
	dialTimeout      = 5 * time.Second // over all addresses of the name, looking it up included
	handshakeTimeout = 5 * time.Second
	replyTimeout     = 90 * time.Second // from the end of the request to the head of the reply
	idleTimeout      = 30 * time.Second
	maxReplyHead     = 64 << 10
)

// Transport makes a transport that dials only what the policy lets it. The check looks at the very address a socket is
// about to connect to, so that no look-up comes after it. Of several addresses of a name those refused are passed
// over; the error holds [ErrRefused] when no other is left.
//
// The transport takes no proxy from the environment, speaks HTTP/1.1 and HTTP/2 over TLS, leaves bodies compressed as
// they are and bounds connecting, waiting for a reply and the size of its head; the body is the caller's to bound.
// It follows no redirects, as no transport does. Its fields may be changed before the first call, bar DialContext.
func Transport(p Policy) *http.Transport {
	return transport(p, net.Dialer{Timeout: dialTimeout})
}

func transport(p Policy, dialer net.Dialer) *http.Transport {
	g := &guard{allowPrivate: p.AllowPrivate, allowed: targets(p.AllowedHosts), dialer: dialer}
	t := &http.Transport{
		Proxy:                  nil, // a proxy would look names up itself, behind the guard's back
		DialContext:            g.dial,
		DisableCompression:     true, // no reply grows while it is read
		TLSHandshakeTimeout:    handshakeTimeout,
		ResponseHeaderTimeout:  replyTimeout,
		ExpectContinueTimeout:  time.Second,
		IdleConnTimeout:        idleTimeout,
		MaxIdleConns:           100,
		MaxResponseHeaderBytes: maxReplyHead,
		Protocols:              new(http.Protocols),
	}
	t.Protocols.SetHTTP1(true)
	t.Protocols.SetHTTP2(true)
	return t
}

// guard opens the connections of a transport.
type guard struct {
	allowPrivate bool
	allowed      []target
	dialer       net.Dialer
}

func (g *guard) dial(ctx context.Context, network, address string) (net.Conn, error) {
	dialer := g.dialer
	if g.names(address) {
		return dialer.DialContext(ctx, network, address)
	}
	var tried atomic.Bool // an address that the policy lets through; addresses are dialled side by side
	dialer.ControlContext = func(_ context.Context, _, socket string, _ syscall.RawConn) error {
		if !g.permits(socket) {
			return ErrRefused
		}
		tried.Store(true)
		return nil
	}
	conn, err := dialer.DialContext(ctx, network, address)
	if errors.Is(err, ErrRefused) && tried.Load() { // the dialer reports the first address, which is not why it failed
		return nil, fmt.Errorf("dial %s: no address that may be called has answered", network)
	}
	return conn, err
}

// permits checks the address of a socket, "ip:port" or "[ip%zone]:port".
func (g *guard) permits(socket string) bool {
	address, err := netip.ParseAddrPort(socket)
	if err != nil {
		return false
	}
	switch reachOf(address.Addr()) {
	case public:
		return true
	case private:
		return g.allowPrivate
	default:
		return false
	}
}
