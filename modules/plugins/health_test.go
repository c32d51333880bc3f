package plugins_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"portico.internal/platform/testkit"
)

func metricsOf(t testing.TB, g *testkit.Gateway) string {
	t.Helper()
	token, err := os.ReadFile(filepath.Join(g.DataDir, "service.token"))
	require.NoError(t, err)
	door := testkit.Gateway{URL: g.Internal}
	return door.Call(t, testkit.Request{Method: "GET", Path: "/metrics", Token: strings.TrimSpace(string(token))}).Body
}

type health struct {
	ID, Name, Status, Detail string
	LatencyMS                *int   `json:"latency_ms"`
	CheckedAt                string `json:"checked_at"`
}

func healthOf(t testing.TB, g *testkit.Gateway) []health {
	t.Helper()
	r := g.Call(t, call("GET", "/api/services", ann))
	require.Equal(t, 200, r.Status, r.Body)
	var list []health
	require.NoError(t, json.Unmarshal([]byte(r.Body), &list))
	return list
}

func TestHealthOfServices(t *testing.T) {
	reply := func(status int, body string) func(x *testkit.Exchange) {
		return func(x *testkit.Exchange) { x.Reply(status, body) }
	}
	rows := []struct {
		answer         func(x *testkit.Exchange)
		status, detail string
	}{
		{reply(200, `{"status":"ok"}`), "healthy", "ok"},
		{reply(204, ""), "healthy", "ok"},
		{reply(200, `{"status":"UP","db":"canary"}`), "healthy", "ok"},
		{reply(200, `{"status":"pass"}`), "healthy", "ok"},
		{reply(200, `{"state":"canary"}`), "healthy", "ok"},
		{reply(200, `canary`), "healthy", "ok"},
		{reply(200, `{"status":"ok","x":"`+strings.Repeat("x", 100_000)+`"}`), "healthy", "ok"},
		{reply(200, `{"status":"degraded","detail":"canary"}`), "degraded", "says that it is degraded"},
		{reply(200, `{"status":"warn"}`), "degraded", "says that it is degraded"},
		{func(x *testkit.Exchange) { time.Sleep(1100 * time.Millisecond); x.Reply(200, "") }, "degraded", "slow"},
		{reply(200, `{"status":"down","detail":"canary"}`), "unhealthy", "says that it is not well"},
		{reply(503, `{"status":"ok"}`), "unhealthy", "answers with status 503"},
		{reply(404, `canary`), "unhealthy", "answers with status 404"},
		{func(x *testkit.Exchange) { x.Reply(302, "", "Location: http://127.0.0.1/canary") }, "unhealthy", "answers with status 302"},
		{func(x *testkit.Exchange) { x.Reset() }, "unhealthy", "unreachable"},
		{func(x *testkit.Exchange) { x.Hang() }, "unhealthy", "timed out"},
		{func(x *testkit.Exchange) {
			x.Send("HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n")
			x.Drip(strings.Repeat(" ", 5000), 50*time.Millisecond)
		}, "unhealthy", "timed out"},
	}
	var file strings.Builder
	file.WriteString("services:\n")
	var first *testkit.Upstream
	for i, row := range rows {
		up := testkit.NewUpstream(t, row.answer)
		if first == nil {
			first = up
		}
		id := fmt.Sprintf("service-%d", i)
		if i == len(rows)-1 {
			id = "doc-service"
		}
		fmt.Fprintf(&file, "  - {id: %s, name: Service %d, url: %q, health_path: \"/up%%20there?deep=1\"}\n", id, i, up.URL+"/base")
	}
	path := filepath.Join(t.TempDir(), "portico.yaml")
	require.NoError(t, os.WriteFile(path, []byte(file.String()), 0o600))
	g := one(t, map[string]string{"PORTICO_CONFIG": path})
	require.Equal(t, 401, g.Call(t, call("GET", "/api/services", "")).Status)
	list := healthOf(t, g)
	require.Len(t, list, len(rows))
	for i, row := range rows {
		got := list[i]
		require.Equal(t, fmt.Sprintf("Service %d", i), got.Name, "in the order of the configuration")
		require.Equal(t, row.status, got.Status, got.Name)
		require.Equal(t, row.detail, got.Detail, got.Name)
		require.NotNil(t, got.LatencyMS)
		at, err := time.Parse(time.RFC3339, got.CheckedAt)
		require.NoError(t, err)
		require.True(t, strings.HasSuffix(got.CheckedAt, "Z"))
		require.WithinDuration(t, time.Now(), at, patience)
	}
	asked := first.Next(t)
	require.Equal(t, "GET /base/up%20there?deep=1 HTTP/1.1", asked.Line)
	for _, header := range asked.Headers {
		require.NotContains(t, strings.ToLower(header), "x-user-")
		require.NotContains(t, strings.ToLower(header), "authorization")
	}
}

func TestManyWhoAskShareOneRoundAndHealthComesBack(t *testing.T) {
	var asked atomic.Int64
	var well atomic.Bool
	f := newFake(t, "reports")
	f.instead = func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path != "/health" {
			return false
		}
		asked.Add(1)
		if !well.Load() {
			w.WriteHeader(500)
		}
		return true
	}
	g := one(t, configured(t, f.entry()))
	var wg sync.WaitGroup
	for range 100 {
		wg.Go(func() { require.Equal(t, "unhealthy", healthOf(t, g)[1].Status) })
	}
	wg.Wait()
	require.EqualValues(t, 1, asked.Load())
	well.Store(true)
	require.Eventually(t, func() bool { return healthOf(t, g)[1].Status == "healthy" }, 10*time.Second, 50*time.Millisecond)
	require.EqualValues(t, 2, asked.Load(), "one round in 5 s")
}
