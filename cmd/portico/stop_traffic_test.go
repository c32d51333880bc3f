package main_test

import (
	"bufio"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"portico.internal/modules/gatewaytest"
	"portico.internal/platform/testkit"
)

var slowUpload = flag.Duration("slow", 2*time.Second, "how long an upload goes on after the gateway was asked to end")

// An upload that is slow and steady is not hurried, while what it needs inside stays open.
func TestStopWaitsForASlowUpload(t *testing.T) {
	t.Parallel()
	p := in(t, on(peopledSQLite(t)).with(env{"PORTICO_SHUTDOWN_GRACE": "10m"}))
	g := p.serve(t)
	token := g.SignIn(t, somebody, testkit.Password)
	up := g.beginUpload(t, token)
	g.signal(syscall.SIGTERM)
	g.refuses(t)
	for last := time.Now().Add(*slowUpload); time.Now().Before(last); time.Sleep(50 * time.Millisecond) {
		size := min(500, len(up.rest)/2)
		_, err := up.pipe.Write(up.rest[:size])
		require.NoError(t, err)
		up.rest = up.rest[size:]
		require.Equal(t, http.StatusOK, g.metrics(t), "the internal door")
	}
	require.Equal(t, http.StatusAccepted, up.end(t))
	require.Equal(t, 0, g.wait(t))
	require.Empty(t, messages(g.process))
}

// Logins whose headers are there when the signal comes end as they would have.
func TestStopLetsLoginsFinish(t *testing.T) {
	t.Parallel()
	eachPeopled(t, func(t *testing.T, d testkit.Database) {
		g := in(t, on(d)).serve(t)
		form := url.Values{"username": {somebody}, "password": {testkit.Password}}.Encode()
		conns := make([]*wire, 5)
		for i := range conns {
			conns[i] = g.dial(t)
			_, err := fmt.Fprintf(conns[i], "POST /api/auth/login HTTP/1.1\r\nHost: portico\r\nExpect: 100-continue\r\n"+
				"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n", len(form))
			require.NoError(t, err)
			for _, want := range []string{"HTTP/1.1 100 Continue\r\n", "\r\n"} { // it waits for the body
				line, err := conns[i].in.ReadString('\n')
				require.NoError(t, err)
				require.Equal(t, want, line)
			}
		}
		g.signal(syscall.SIGTERM)
		g.refuses(t)
		for _, conn := range conns {
			_, err := io.WriteString(conn, form)
			require.NoError(t, err)
		}
		for _, conn := range conns {
			resp, body := conn.reply(t, &http.Request{Method: http.MethodPost, URL: &url.URL{Path: "/api/auth/login"}})
			require.Equal(t, http.StatusOK, resp.StatusCode, body)
			require.Contains(t, body, `"access_token":"`)
			conn.requireOver(t, resp)
		}
		require.Equal(t, 0, g.wait(t))
	})
}

// An event stream goes on for as long as the grace lasts. When it ends by itself all is well; when it is cut whoever
// reads it can tell.
func TestStopInTheMiddleOfAnEventStream(t *testing.T) {
	t.Parallel()
	ends := make(chan bool) // whether the stream, after one more event, ends
	upstream := testkit.NewUpstream(t, func(x *testkit.Exchange) {
		if !strings.Contains(x.Line, "/documents/events") {
			x.Reply(http.StatusOK, "{}")
			return
		}
		x.Send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
		for n := 1; ; n++ {
			x.Chunk(fmt.Sprintf("data: %d\n\n", n))
			if end, ok := <-ends; end || !ok {
				x.Chunk("")
				return
			}
		}
	})
	t.Cleanup(func() { close(ends) })
	p := in(t, on(peopledSQLite(t)).with(env{"PORTICO_DOCUMENTS_SERVICE": "events", "PORTICO_CONFIG": "portico.yaml"}))
	config := "services:\n  - id: events\n    name: Events\n    url: " + upstream.URL + "\n"
	require.NoError(t, os.WriteFile(filepath.Join(p.dir, "portico.yaml"), []byte(config), 0o600))

	begin := func(g *gateway) (next func() string) {
		resp, err := http.DefaultTransport.RoundTrip(g.request(t, http.MethodGet, "/api/documents/events", g.SignIn(t, somebody, testkit.Password), nil))
		require.NoError(t, err)
		t.Cleanup(func() { resp.Body.Close() })
		require.Equal(t, http.StatusOK, resp.StatusCode)
		events := bufio.NewReader(resp.Body)
		next = func() string {
			text, err := events.ReadString('\n')
			if err == nil {
				_, err = events.ReadString('\n')
			}
			if err != nil {
				return err.Error()
			}
			return text
		}
		require.Equal(t, "data: 1\n", next())
		return next
	}

	g := p.serve(t)
	next := begin(g)
	g.signal(syscall.SIGTERM)
	g.refuses(t)
	for n := range 3 {
		ends <- false
		require.Equal(t, fmt.Sprintf("data: %d\n", n+2), next())
	}
	require.False(t, g.over())
	ends <- true
	require.Equal(t, "EOF", next())
	require.Equal(t, 0, g.wait(t))

	p.env = p.env.with(env{"PORTICO_SHUTDOWN_GRACE": "1s"})
	g = p.serve(t)
	next = begin(g)
	g.signal(syscall.SIGTERM)
	require.Equal(t, "unexpected EOF", next())
	require.Positive(t, g.wait(t))
	requireLines(t, g.process, "requests were cut")
}

// A migration of files goes on elsewhere when the gateway at work on it is asked to end: at the other replica, or at the
// next start.
func TestStopInTheMiddleOfAMigration(t *testing.T) {
	t.Parallel()
	eachPeopled(t, func(t *testing.T, d testkit.Database) {
		t.Parallel()
		shared := t.TempDir()
		e := on(d)
		p := in(t, e)
		g := p.serve(t)
		token := g.SignIn(t, gatewaytest.Admin, testkit.Password)
		begin := func(folder string) {
			body := fmt.Sprintf(`{"backend":"local","config":{"root":%q}}`, filepath.Join(shared, folder))
			r := g.Call(t, testkit.Request{Method: http.MethodPost, Path: migratePath, Token: token, Body: body})
			require.Equal(t, http.StatusAccepted, r.Status, r.Body)
		}
		ended := func(at *gateway) func() bool {
			return func() bool { _, over := at.state(t, token); return over }
		}
		begin("first")
		require.Eventually(t, ended(g), patience, 5*time.Millisecond)
		objects := map[string]string{}
		for i := range 400 {
			objects[fmt.Sprintf("folder-%d/%d", i%20, i)] = strings.Repeat(fmt.Sprint("content of ", i, " "), 500)
		}
		g.put(t, objects)

		var heir *gateway // who is there already when the other ends
		if d.Name == "postgres" {
			heir = in(t, e).serve(t)
		}
		inherited := false
		for round := 0; round < 10 && !inherited; round++ { // one that is done before the signal says nothing
			before := strings.Count(g.err.String(), `"taken":true`)
			begin(fmt.Sprint("round-", round))
			require.Eventually(t, func() bool {
				return strings.Count(g.err.String(), `"taken":true`) > before || ended(g)()
			}, patience, time.Millisecond)
			require.Equal(t, 0, g.stop(t))
			g = p.serve(t)
			at := g
			if heir != nil {
				at = heir
			}
			require.Eventually(t, ended(at), patience, 20*time.Millisecond)
			state, _ := at.state(t, token)
			require.Equal(t, "completed", state)
			inherited = strings.Contains(at.err.String(), `"taken":true`)
		}
		require.True(t, inherited, "each migration was over before it could be interrupted")
		g.holds(t, objects)
		require.Equal(t, 0, g.stop(t))
		p.succeeds(t, "storage", "verify")
	})
}
