package main_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"portico.internal/platform/testkit"
)

// Between the signal and the end of listening a balancer has time to notice: the gateway is not ready, and answers all
// that comes as before, but takes leave of each connection.
func TestStopIsAnnouncedBeforeItComes(t *testing.T) {
	t.Parallel()
	p := in(t, on(peopledSQLite(t)).with(env{"PORTICO_SHUTDOWN_DELAY": "10m"}))
	g := p.serve(t)
	token := g.SignIn(t, somebody, testkit.Password)
	content := pdf("Kept", 1, 1<<20)
	id := g.upload(t, token, content).ID
	g.ready(t, token, id)
	used := g.dial(t)
	resp, _ := used.ask(t, g.request(t, http.MethodGet, "/health/ready", token, nil))
	require.Equal(t, http.StatusOK, resp.StatusCode)
	require.False(t, resp.Close)

	g.signal(syscall.SIGTERM)
	g.stopping(t)
	for name, conn := range map[string]*wire{"a connection in use": used, "a new one": g.dial(t)} {
		resp, body := conn.ask(t, g.request(t, http.MethodGet, "/health/ready", "", nil))
		require.Equal(t, http.StatusServiceUnavailable, resp.StatusCode, name)
		require.Equal(t, `{"status":"unavailable","checks":{}}`, body)
		require.Equal(t, "1", resp.Header.Get("Retry-After"))
		conn.requireOver(t, resp)
	}
	for path, want := range map[string]string{
		"/health/live": `{"status":"ok"}`, "/api/users/me": `"` + somebody + `"`, "/api/documents/" + id + "/content": string(content),
	} {
		conn := g.dial(t)
		resp, body := conn.ask(t, g.request(t, http.MethodGet, path, token, nil))
		require.Equal(t, http.StatusOK, resp.StatusCode, path)
		require.True(t, strings.Contains(body, want), path)
		conn.requireOver(t, resp)
	}
	require.Len(t, strings.Split(g.SignIn(t, somebody, testkit.Password), "."), 3)
	g.upload(t, token, pdf("Late", 1, 0))
	require.Equal(t, http.StatusOK, g.metrics(t), "the internal door is open, too")

	g.signal(syscall.SIGTERM)
	require.NotZero(t, g.wait(t), "nobody waits for minutes who asks twice")
}

func TestStopComesAfterTheDelay(t *testing.T) {
	t.Parallel()
	p := in(t, on(peopledSQLite(t)).with(env{"PORTICO_SHUTDOWN_DELAY": "500ms"}))
	g := p.serve(t)
	idle := g.dial(t)
	idle.ask(t, g.request(t, http.MethodGet, "/health/live", "", nil))
	g.signal(syscall.SIGTERM)
	g.refuses(t)
	require.Equal(t, 0, g.wait(t))
	require.Empty(t, messages(g.process))
	_, err := idle.in.ReadByte()
	require.ErrorIs(t, err, io.EOF, "in good order")
}

// stopping waits until the gateway has heard that it is to end.
func (g *gateway) stopping(t testing.TB) {
	t.Helper()
	require.Eventually(t, func() bool { return strings.Contains(g.Log.String(), `"msg":"stopping"`) }, patience, time.Millisecond)
}

// metrics asks the internal door for them and returns the status.
func (g *gateway) metrics(t testing.TB) int {
	t.Helper()
	token, err := os.ReadFile(filepath.Join(g.DataDir, "service.token"))
	require.NoError(t, err)
	inside := testkit.Gateway{URL: g.Internal}
	return inside.Call(t, testkit.Request{Method: http.MethodGet, Path: "/metrics", Token: strings.TrimSpace(string(token))}).Status
}

// wire is one connection to a gateway, on which nothing is tried twice.
type wire struct {
	net.Conn
	in *bufio.Reader
}

func (g *gateway) dial(t testing.TB) *wire {
	t.Helper()
	u, err := url.Parse(g.URL)
	require.NoError(t, err)
	conn, err := net.DialTimeout("tcp", u.Host, patience)
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	require.NoError(t, conn.SetDeadline(time.Now().Add(2*patience)))
	return &wire{conn, bufio.NewReader(conn)}
}

// ask sends a request and reads its whole reply.
func (w *wire) ask(t testing.TB, r *http.Request) (*http.Response, string) {
	t.Helper()
	require.NoError(t, r.Write(w))
	return w.reply(t, r)
}

func (w *wire) reply(t testing.TB, r *http.Request) (*http.Response, string) {
	t.Helper()
	resp, err := http.ReadResponse(w.in, r)
	require.NoError(t, err)
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp, string(body)
}

// requireOver requires that the reply was the last on its connection, and said so.
func (w *wire) requireOver(t testing.TB, last *http.Response) {
	t.Helper()
	require.True(t, last.Close, "%s does not take leave", last.Request.URL.Path)
	_, err := w.in.ReadByte()
	require.ErrorIs(t, err, io.EOF)
}
