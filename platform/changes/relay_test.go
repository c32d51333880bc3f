package changes_test

import (
	"encoding/binary"
	"io"
	"net"
	"net/url"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// relay stands between a pool and its PostgreSQL server. It can be down, and it can be like a connection pooler in
// transaction mode, which lets everything pass but notifications.
type relay struct {
	URL     string
	refused atomic.Int32 // connections, while it was down
	mute    atomic.Bool

	mu    sync.Mutex
	down  bool
	conns []net.Conn
}

func newRelay(t *testing.T, server string) *relay {
	t.Helper()
	config, err := pgx.ParseConfig(server)
	require.NoError(t, err)
	network, address := "tcp", net.JoinHostPort(config.Host, strconv.Itoa(int(config.Port)))
	if config.Host[0] == '/' {
		network, address = "unix", config.Host+"/.s.PGSQL."+strconv.Itoa(int(config.Port))
	}
	u, err := url.Parse(server)
	require.NoError(t, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	u.Host, u.RawQuery = listener.Addr().String(), "sslmode=disable"
	r := &relay{URL: u.String()}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			backend, err := net.Dial(network, address)
			if err != nil || !r.keep(client, backend) {
				client.Close()
				continue
			}
			running.Go(func() { defer backend.Close(); _, _ = io.Copy(backend, client) })
			running.Go(func() { defer client.Close(); r.answers(client, backend) })
		}
	})
	t.Cleanup(func() { listener.Close(); r.cut(); running.Wait() })
	return r
}

func (r *relay) keep(client, backend net.Conn) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.down {
		r.refused.Add(1)
		backend.Close()
		return false
	}
	r.conns = append(r.conns, client, backend)
	return true
}

// answers passes on what the server says, message by message.
// https://www.postgresql.org/docs/current/protocol-message-formats.html
func (r *relay) answers(client io.Writer, backend io.Reader) {
	const notification = 'A'
	for {
		head := make([]byte, 5)
		if _, err := io.ReadFull(backend, head); err != nil {
			return
		}
		body := make([]byte, binary.BigEndian.Uint32(head[1:])-4)
		if _, err := io.ReadFull(backend, body); err != nil {
			return
		}
		if head[0] == notification && r.mute.Load() {
			continue
		}
		if _, err := client.Write(append(head, body...)); err != nil {
			return
		}
	}
}

// cut breaks all connections and refuses new ones until the relay is up again.
func (r *relay) cut() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.down = true
	for _, c := range r.conns {
		c.Close()
	}
	r.conns = nil
	r.refused.Store(0)
}

func (r *relay) up() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.down = false
}
