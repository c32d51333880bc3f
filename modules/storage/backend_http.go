package storage

import (
	"context"
	"net"
	"net/http"
	"time"

	"portico.internal/platform/egress"
)

// stall is for how long a connection to a storage may be silent while it is in use. A slow stream is not silent.
const stall = 2 * time.Minute

// connections is how many idle connections to one storage are kept: about as many as a migration uses at once.
const connections = 32

// client makes the HTTP client of one backend. It reaches private networks, where storage often is, but neither
// link-local addresses nor the metadata services of clouds; follows no redirects; and asks no proxy.
func client() (*http.Client, *http.Transport) {
	transport := egress.Transport(egress.Policy{AllowPrivate: true})
	dial := transport.DialContext
	transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &lively{conn}, nil
	}
	transport.MaxIdleConnsPerHost = connections
	return &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, transport
}

// lively is a connection that breaks when nothing moves on it for too long.
type lively struct{ net.Conn }

func (c *lively) Read(p []byte) (int, error) {
	if err := c.SetReadDeadline(time.Now().Add(stall)); err != nil {
		return 0, err
	}
	return c.Conn.Read(p)
}

func (c *lively) Write(p []byte) (int, error) {
	if err := c.SetDeadline(time.Now().Add(stall)); err != nil {
		return 0, err
	}
	n, err := c.Conn.Write(p)
	// The reply is waited for from the end of the request on, not from its beginning.
	_ = c.SetReadDeadline(time.Now().Add(stall))
	return n, err
}
