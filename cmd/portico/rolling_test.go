package main_test

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"portico.internal/modules/gatewaytest"
	"portico.internal/platform/testkit"
)

var (
	rollingRate  = flag.Int("rolling-rate", 100, "requests a second while replicas are restarted")
	rollingTurns = flag.Int("rolling-turns", 2, "how often each of two replicas is restarted")
)

// balancer sends each request to one replica that said it was ready, and never a second time. It keeps connections for
// as long as the replica does.
type balancer struct {
	replicas []*backend
	turn     atomic.Uint64
	done     atomic.Int64 // requests with the reply that was wanted
}

// backend is a replica as a balancer sees it.
type backend struct {
	mu    sync.Mutex
	host  string
	ready bool
	idle  []*wire
}

func (b *backend) is(host string, ready bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.host != host {
		b.host, b.idle = host, nil
	}
	b.ready = ready
}

// watch asks for readiness until ctx ends.
func (b *backend) watch(ctx context.Context) {
	client := &http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	for ctx.Err() == nil {
		b.mu.Lock()
		host := b.host
		b.mu.Unlock()
		resp, err := client.Get("http://" + host + "/health/ready")
		if err == nil { // else it has said so before, or the machine is busy
			resp.Body.Close()
			b.mu.Lock()
			if b.host == host {
				b.ready = resp.StatusCode == http.StatusOK
			}
			b.mu.Unlock()
		}
		select {
		case <-ctx.Done():
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// take returns a connection to the backend, nothing where it is not ready.
func (b *backend) take() (*wire, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch n := len(b.idle); {
	case !b.ready:
		return nil, nil
	case n > 0:
		conn := b.idle[n-1]
		b.idle = b.idle[:n-1]
		return conn, nil
	}
	conn, err := net.DialTimeout("tcp", b.host, patience)
	if err != nil {
		return nil, err
	}
	return &wire{conn, bufio.NewReader(conn)}, nil
}

func (b *backend) keep(conn *wire) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if conn.RemoteAddr().String() != b.host {
		conn.Close()
		return
	}
	b.idle = append(b.idle, conn)
}

// send makes one request as soon as a replica is ready, and fails unless the reply is 200.
func (l *balancer) send(method, path, token, body string) error {
	for began := time.Now(); time.Since(began) < patience; {
		b := l.replicas[l.turn.Add(1)%uint64(len(l.replicas))]
		conn, err := b.take()
		if err != nil {
			return err
		}
		if conn != nil {
			return l.exchange(b, conn, method, path, token, body)
		}
		time.Sleep(time.Millisecond)
	}
	return errors.New("no replica is ready")
}

func (l *balancer) exchange(b *backend, conn *wire, method, path, token, body string) error {
	fail := func(err error) error {
		conn.Close()
		return fmt.Errorf("%s %s at %s: %w", method, path, conn.RemoteAddr(), err)
	}
	_ = conn.SetDeadline(time.Now().Add(patience))
	_, err := fmt.Fprintf(conn, "%s %s HTTP/1.1\r\nHost: portico\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
		method, path, token, len(body), body)
	if err != nil {
		return fail(err)
	}
	resp, err := http.ReadResponse(conn.in, &http.Request{Method: method})
	if err != nil {
		return fail(err)
	}
	text, err := io.ReadAll(resp.Body)
	switch {
	case err != nil:
		return fail(err)
	case resp.StatusCode != http.StatusOK:
		return fail(fmt.Errorf("%d %s", resp.StatusCode, text))
	case resp.Close:
		conn.Close()
	default:
		b.keep(conn)
	}
	l.done.Add(1)
	return nil
}

// traffic sends requests at the rate until ctx ends, and returns those that failed.
func (l *balancer) traffic(ctx context.Context, token string) error {
	const people = 10
	var all sync.WaitGroup
	failures := make([]error, people)
	for i := range people {
		all.Go(func() {
			ticker := time.NewTicker(people * time.Second / time.Duration(*rollingRate))
			defer ticker.Stop()
			for n := 0; failures[i] == nil; n++ {
				select {
				case <-ctx.Done():
					return
				case <-ticker.C:
				}
				switch n % 4 {
				case 0:
					failures[i] = l.send(http.MethodPatch, "/api/users/me/preferences", token, fmt.Sprintf(`{"app_ids":["app-%d-%d"]}`, i, n))
				case 1:
					failures[i] = l.send(http.MethodGet, "/api/settings/appearance", token, "")
				default:
					failures[i] = l.send(http.MethodGet, "/api/users/me", token, "")
				}
			}
		})
	}
	all.Wait()
	return errors.Join(failures...)
}

// Two replicas are restarted in turn, again and again, and nobody notices.
func TestRollingRestart(t *testing.T) {
	t.Parallel()
	d := peopled(t, testkit.Migrated(gatewaytest.Plan(t)).Postgres(t))
	p := [2]program{}
	var gateways [2]*gateway
	l := &balancer{}
	watching, blind := context.WithCancel(t.Context())
	var watchers sync.WaitGroup
	defer watchers.Wait()
	defer blind()
	host := func(g *gateway) string {
		u, err := url.Parse(g.URL)
		require.NoError(t, err)
		return u.Host
	}
	for i := range p {
		p[i] = in(t, on(d).with(env{"PORTICO_SHUTDOWN_DELAY": "3s"}))
		gateways[i] = p[i].serve(t)
		b := &backend{host: host(gateways[i]), ready: true}
		l.replicas = append(l.replicas, b)
		watchers.Go(func() { b.watch(watching) })
	}
	token := gateways[0].SignIn(t, somebody, testkit.Password)
	ctx, enough := context.WithCancel(t.Context())
	failed := make(chan error, 1)
	go func() { failed <- l.traffic(ctx, token) }()
	more := func(n int64) {
		t.Helper()
		require.Eventually(t, func() bool { return l.done.Load() >= n || len(failed) > 0 }, patience, time.Millisecond)
	}
	more(20)
	for range *rollingTurns {
		for i, b := range l.replicas {
			before := l.done.Load()
			require.Equal(t, 0, gateways[i].stop(t))
			require.Empty(t, messages(gateways[i].process))
			more(before + 20)
			gateways[i] = p[i].serve(t)
			b.is(host(gateways[i]), false) // until it says otherwise
			require.Eventually(t, func() bool { b.mu.Lock(); defer b.mu.Unlock(); return b.ready }, patience, time.Millisecond)
			before = l.done.Load()
			more(before + 40)
		}
	}
	enough()
	require.NoError(t, <-failed)
	t.Logf("%d requests, none of which failed, while each replica was restarted %d times", l.done.Load(), *rollingTurns)
	for _, g := range gateways {
		require.NotContains(t, strings.ToLower(g.err.String()), "panic")
	}
}
