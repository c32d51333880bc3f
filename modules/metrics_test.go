package modules_test

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"portico.internal/modules/gatewaytest"
	"portico.internal/platform/testkit"
)

// scrape returns what Prometheus is told, a line for each series.
func scrape(t *testing.T, g *testkit.Gateway) string {
	t.Helper()
	door := testkit.Gateway{URL: g.Internal}
	r := door.Call(t, testkit.Request{Method: "GET", Path: "/metrics", Token: serviceToken})
	require.Equal(t, http.StatusOK, r.Status)
	return r.Body
}

// series are the lines of one metric.
func series(metrics, name string) []string {
	return regexp.MustCompile(`(?m)^`+name+`(?:\{.*\})? .*$`).FindAllString(metrics, -1)
}

// What clients make up (paths, ids, methods, names) makes no series: requests are told apart by route, module and status.
func TestMetricsOfRequests(t *testing.T) {
	gatewaytest.Each(t, map[string]string{"PORTICO_SERVICE_TOKEN": serviceToken}, func(t *testing.T, g *testkit.Gateway) {
		g.Token(t, ann)
		_ = g.Call(t, request("GET", "/api/users/me", ann))
		before := len(series(scrape(t, g), "portico_http_request_duration_seconds_count"))
		for i := range 30 {
			id := uuid.NewString()
			require.Equal(t, 404, g.Call(t, request("GET", "/api/admin/groups/"+id, root)).Status)
			require.Equal(t, 404, g.Call(t, request("GET", "/nowhere/"+id, "")).Status)
			require.Equal(t, 404, g.Call(t, request(fmt.Sprintf("FROB%d", i), "/nowhere", "")).Status)
			require.Equal(t, 405, g.Call(t, request("DELETE", "/api/users/me", "")).Status)
		}
		metrics := scrape(t, g)
		for _, want := range []string{
			`portico_http_request_duration_seconds_count{door="public",method="GET",module="groups",route="/api/admin/groups/{id}",status="4xx"} 30`,
			`portico_http_request_duration_seconds_count{door="public",method="GET",module="unknown",route="unknown",status="4xx"} 30`,
			`portico_http_request_duration_seconds_count{door="public",method="other",module="unknown",route="unknown",status="4xx"} 30`,
			`portico_http_request_duration_seconds_count{door="public",method="DELETE",module="users",route="/api/users/me",status="4xx"} 30`,
			`portico_http_request_duration_seconds_count{door="public",method="GET",module="users",route="/api/users/me",status="2xx"} 1`,
			`portico_http_request_duration_seconds_count{door="internal",method="GET",module="app",route="/metrics",status="2xx"} 1`,
			`portico_http_responses_total{code="404",door="public",module="groups"} 30`,
			`portico_http_responses_total{code="404",door="public",module="unknown"} 60`,
			`portico_http_responses_total{code="405",door="public",module="users"} 30`,
			`portico_http_requests_in_flight{door="public"} 0`,
			`portico_http_requests_in_flight{door="internal"} 1`, // this one
		} {
			require.Contains(t, metrics, want+"\n")
		}
		require.LessOrEqual(t, len(series(metrics, "portico_http_request_duration_seconds_count")), before+10, "of 120 requests")
		for _, not := range []string{"nowhere", "FROB", ann, root, g.Token(t, ann)} {
			require.NotContains(t, metrics, not)
		}
		require.NotRegexp(t, `[0-9a-f]{8}-[0-9a-f]{4}-`, metrics)
	})
}

// How the parts are that make people wait: passwords, the database, other replicas.
func TestMetricsOfParts(t *testing.T) {
	gatewaytest.Each(t, map[string]string{"PORTICO_SERVICE_TOKEN": serviceToken, "PORTICO_LOGIN_FAILURES_PER_MINUTE": "3"}, func(t *testing.T, g *testkit.Gateway) {
		g.Token(t, ann)
		signIn := func(password string) int {
			return g.Call(t, testkit.Request{Method: "POST", Path: "/api/auth/login", Type: "application/x-www-form-urlencoded", Body: "username=bob%40example.com&password=" + password}).Status
		}
		for range 3 {
			require.Equal(t, 401, signIn("Wr0ng-horse"))
		}
		require.Equal(t, 429, signIn("Wr0ng-horse"))
		metrics := scrape(t, g)
		for _, want := range []string{
			`portico_password_attempts_total{result="wrong"} 3`,
			`portico_password_attempts_total{result="throttled"} 1`,
			`portico_password_attempts_total{result="failed"} 0`,
			`portico_password_hashes_waiting 0`, `portico_password_hashes_running 0`, `portico_password_hashes_refused_total 0`,
			`portico_storage_migration_state{state="idle"} 1`, `portico_storage_migration_objects{kind="total"} 0`,
		} {
			require.Contains(t, metrics, want+"\n")
		}
		for _, name := range []string{"portico_password_attempts_total{result=\"right\"}", "portico_password_hash_duration_seconds_count{phase=\"wait\"}", "portico_password_hash_duration_seconds_count{phase=\"work\"}", "go_sql_open_connections{db_name=\"portico\"}", "go_sql_in_use_connections{db_name=\"portico\"}", "go_sql_wait_count_total{db_name=\"portico\"}"} {
			require.Contains(t, metrics, "\n"+name+" ")
		}
		require.NotContains(t, metrics, "portico_storage_migration_started_timestamp_seconds")
		require.Regexp(t, `portico_build_info\{go="go1\.[^"]+",version="[^"]+"\} 1`, metrics)
		if strings.HasSuffix(t.Name(), "sqlite") {
			require.Empty(t, series(metrics, "portico_changes_listening"), "there are no others")
			return
		}
		require.Eventually(t, func() bool { return strings.Contains(scrape(t, g), "portico_changes_listening 1\n") }, time.Minute, 20*time.Millisecond)
	})
}

// A migration is told from the database, so that whichever replica is asked tells of it.
func TestMetricsOfMigration(t *testing.T) {
	gatewaytest.Each(t, map[string]string{"PORTICO_SERVICE_TOKEN": serviceToken}, func(t *testing.T, g *testkit.Gateway) {
		door := testkit.Gateway{URL: g.Internal}
		require.Equal(t, 201, door.Call(t, testkit.Request{Method: "PUT", Path: "/internal/storage/objects/a/b", Token: serviceToken, Type: "text/plain", Body: "content"}).Status)
		require.Equal(t, 202, g.Call(t, request("POST", "/api/admin/storage-config/migrate", root, `{"backend":"local","config":{"root":"elsewhere"}}`)).Status)
		require.Eventually(t, func() bool {
			return strings.Contains(scrape(t, g), `portico_storage_migration_state{state="completed"} 1`)
		}, time.Minute, 50*time.Millisecond)
		metrics := scrape(t, g)
		for _, want := range []string{
			`portico_storage_migration_state{state="copying"} 0`, `portico_storage_migration_objects{kind="total"} 1`, `portico_storage_migration_objects{kind="done"} 1`,
			`portico_storage_migration_objects{kind="failed"} 0`, `portico_storage_migration_bytes{kind="total"} 7`, `portico_storage_migration_bytes{kind="done"} 7`,
		} {
			require.Contains(t, metrics, want+"\n")
		}
		require.Len(t, series(metrics, "portico_storage_migration_finished_timestamp_seconds"), 1)
		require.NotContains(t, metrics, "elsewhere")
	})
}
