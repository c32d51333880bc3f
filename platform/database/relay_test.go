package database_test

import (
	"fmt"
	"net"
	"net/url"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// relay stands between a pool and its PostgreSQL server, and can refuse connections and stop passing anything on.
type relay struct {
	URL string

	refusals atomic.Int32
	mu       sync.RWMutex // held for writing while nothing passes
}

func newRelay(t *testing.T, server string) *relay {
	t.Helper()
	config, err := pgx.ParseConfig(server)
	require.NoError(t, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { listener.Close() })

	u, err := url.Parse(server)
	require.NoError(t, err)
	u.Host, u.RawQuery = listener.Addr().String(), "sslmode=disable"
	r := &relay{URL: u.String()}
	network, address := pgxAddress(config)
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			if r.refusals.Add(-1) >= 0 {
				client.Close()
				continue
			}
			backend, err := net.Dial(network, address)
			if err != nil {
				client.Close()
				continue
			}
			go r.pass(backend, client)
			go r.pass(client, backend)
		}
	}()
	return r
}

func pgxAddress(config *pgx.ConnConfig) (network, address string) {
	if config.Host[0] == '/' {
		return "unix", fmt.Sprintf("%s/.s.PGSQL.%d", config.Host, config.Port)
	}
	return "tcp", net.JoinHostPort(config.Host, strconv.Itoa(int(config.Port)))
}

func (r *relay) pass(to, from net.Conn) {
	defer to.Close()
	defer from.Close()
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		r.mu.RLock()
		_, failed := to.Write(buffer[:n])
		r.mu.RUnlock()
		if err != nil || failed != nil {
			return
		}
	}
}

// refuse closes the next connections at once.
func (r *relay) refuse(connections int32) { r.refusals.Store(connections) }

// stall holds everything back until the returned function is called.
func (r *relay) stall() (release func()) {
	r.mu.Lock()
	return r.mu.Unlock
}
