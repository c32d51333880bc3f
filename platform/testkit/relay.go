package testkit

import (
	"encoding/binary"
	"io"
	"math"
	"net"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// Relay stands on loopback between a PostgreSQL server and its clients, and does to their connections what networks,
// poolers and bad days do. All that is done to it can be taken back.
type Relay struct {
	URL string // in place of the server's; without TLS

	refusals   atomic.Int32
	refused    atomic.Int64
	deaf       atomic.Bool
	delay      atomic.Int64
	roundTrips atomic.Int64

	mu    sync.Mutex
	links map[net.Conn]net.Conn // server by client
	gate  chan struct{}         // closed while everything passes
	over  chan struct{}
}

// NewRelay makes a relay to the server, or the database, of the URL. It is gone with the test.
func NewRelay(t testing.TB, server string) *Relay {
	t.Helper()
	config, err := pgx.ParseConfig(server)
	require.NoError(t, err)
	network, address := "tcp", net.JoinHostPort(config.Host, strconv.Itoa(int(config.Port)))
	if strings.HasPrefix(config.Host, "/") {
		network, address = "unix", config.Host+"/.s.PGSQL."+strconv.Itoa(int(config.Port))
	}
	u, err := url.Parse(server)
	require.NoError(t, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	u.Host, u.RawQuery = listener.Addr().String(), "sslmode=disable"
	r := &Relay{URL: u.String(), links: map[net.Conn]net.Conn{}, gate: make(chan struct{}), over: make(chan struct{})}
	close(r.gate)
	var running sync.WaitGroup
	running.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			running.Go(func() { r.serve(client, network, address) })
		}
	})
	t.Cleanup(func() {
		listener.Close()
		close(r.over)
		r.Down()
		running.Wait()
	})
	return r
}

// Refuse closes the next n connections at once.
func (r *Relay) Refuse(n int32) { r.refusals.Store(n) }

// Refused counts the connections that were closed at once.
func (r *Relay) Refused() int64 { return r.refused.Load() }

// Cut breaks all connections; new ones pass.
func (r *Relay) Cut() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for client, server := range r.links {
		client.Close()
		server.Close()
	}
	clear(r.links)
}

// Down breaks all connections and closes new ones at once, until Up.
func (r *Relay) Down() {
	r.Refuse(math.MaxInt32)
	r.Cut()
}

// Up lets connections in again.
func (r *Relay) Up() { r.Refuse(0) }

// Stall holds everything back, in both directions, until release is called; connections can be made all the same. What
// was on its way arrives then, also where the sender has given up.
func (r *Relay) Stall() (release func()) {
	gate := make(chan struct{})
	r.mu.Lock()
	defer r.mu.Unlock()
	r.gate = gate
	return sync.OnceFunc(func() { close(gate) })
}

// Delay lets each round trip take that much longer, those that make a connection included.
func (r *Relay) Delay(d time.Duration) { r.delay.Store(int64(d)) }

// Deafen makes it like a connection pooler in transaction mode, which passes on everything but notifications.
func (r *Relay) Deafen(deaf bool) { r.deaf.Store(deaf) }

// RoundTrips counts how often clients have waited for an answer on connections that stood. A pool's pings, which depend
// on the time, are left out.
func (r *Relay) RoundTrips() int64 { return r.roundTrips.Load() }

func (r *Relay) serve(client net.Conn, network, address string) {
	defer client.Close()
	if r.refuses() {
		return
	}
	server, err := net.Dial(network, address)
	if err != nil {
		return
	}
	defer server.Close()
	r.mu.Lock()
	r.links[client] = server
	r.mu.Unlock()
	defer func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.links, client)
	}()
	if r.refuses() { // it went down meanwhile, and may have missed this one
		return
	}
	var answering sync.WaitGroup
	answering.Go(func() {
		defer client.Close()
		_ = r.answers(client, server)
	})
	_ = r.questions(server, client)
	server.Close()
	answering.Wait()
}

func (r *Relay) refuses() bool {
	for {
		left := r.refusals.Load()
		if left == 0 {
			return false
		}
		if r.refusals.CompareAndSwap(left, left-1) {
			r.refused.Add(1)
			return true
		}
	}
}

// questions passes on what the client says, message by message; the first has no type.
// https://www.postgresql.org/docs/current/protocol-message-formats.html
func (r *Relay) questions(server io.Writer, client io.Reader) error {
	const password, query, sync, flush, call = 'p', 'Q', 'S', 'H', 'F'
	first, err := message(client, 4)
	if err != nil {
		return err
	}
	time.Sleep(time.Duration(r.delay.Load()))
	for next := first; ; {
		if err := r.pass(server, next); err != nil {
			return err
		}
		if next, err = message(client, 5); err != nil {
			return err
		}
		switch next[0] {
		case query, sync, flush, call:
			if string(next[5:]) != "-- ping\x00" {
				r.roundTrips.Add(1)
			}
			fallthrough
		case password:
			time.Sleep(time.Duration(r.delay.Load()))
		}
	}
}

func (r *Relay) answers(client io.Writer, server io.Reader) error {
	const notification = 'A'
	for {
		next, err := message(server, 5)
		if err != nil {
			return err
		}
		if next[0] == notification && r.deaf.Load() {
			continue
		}
		if err := r.pass(client, next); err != nil {
			return err
		}
	}
}

// pass waits for the gate.
func (r *Relay) pass(to io.Writer, message []byte) error {
	r.mu.Lock()
	gate := r.gate
	r.mu.Unlock()
	select {
	case <-gate:
	case <-r.over:
		return net.ErrClosed
	}
	_, err := to.Write(message)
	return err
}

// message reads one whose head, which ends in the length, has that many bytes.
func message(from io.Reader, head int) ([]byte, error) {
	next := make([]byte, head)
	if _, err := io.ReadFull(from, next); err != nil {
		return nil, err
	}
	length := binary.BigEndian.Uint32(next[head-4:])
	if length < 4 {
		return nil, io.ErrUnexpectedEOF
	}
	next = append(next, make([]byte, length-4)...)
	_, err := io.ReadFull(from, next[head:])
	return next, err
}
