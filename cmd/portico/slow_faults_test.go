package main_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"portico.internal/modules/gatewaytest"
	"portico.internal/platform/recent"
	"portico.internal/platform/testkit"
)

// waits is how often a request waits for the database: when nothing is remembered, and when everything is.
type waits struct{ cold, warm int }

// roundTrips is what requests cost where the database is far away. A number that grows with the rows is a mistake.
var roundTrips = map[string]waits{
	"POST /api/auth/login":                 {7, 7}, // the failures, the account, and a transaction with the failures again, the session and its record
	"GET /api/users/me":                    {1, 0},
	"PATCH /api/users/me/preferences":      {5, 4}, // the account before and after a transaction
	"GET /api/users/me/groups":             {2, 1},
	"GET /api/profile/me":                  {2, 1},
	"GET /api/admin/users":                 {2, 1},
	"GET /api/admin/groups":                {2, 1},
	"GET /api/admin/groups/{id}":           {3, 2},
	"GET /api/documents":                   {2, 0},
	"POST /api/documents":                  {3, 0}, // the limit
	"GET /api/plugins":                     {2, 1},
	"GET /api/settings/appearance":         {2, 1},
	"PATCH /api/settings/documents/limits": {7, 6}, // a transaction with the row, its history and the announcement
	"GET /health/ready":                    {3, 3},
}

// Requests wait for a distant PostgreSQL as often as they need to, however much is in it, and nothing is taken for an
// outage that is only slow.
func TestPostgresThatIsFarAway(t *testing.T) {
	t.Parallel()
	d := testkit.Migrated(gatewaytest.Plan(t)).Postgres(t)
	relay := testkit.NewRelay(t, d.URL)
	documents := testkit.NewUpstream(t, func(x *testkit.Exchange) { x.Reply(http.StatusOK, "[]") })
	p := in(t, on(testkit.Database{URL: relay.URL}).with(env{
		"PORTICO_ADMIN_EMAIL": gatewaytest.Admin, "PORTICO_ADMIN_PASSWORD": testkit.Password, "PORTICO_CONFIG": "portico.yaml",
		"PORTICO_DATABASE_MAX_CONNECTIONS": "2", // one listens, so that all statements are prepared on the other
	}))
	require.NoError(t, os.WriteFile(filepath.Join(p.dir, "portico.yaml"), []byte("services: [{id: doc-service, name: Documents, url: "+documents.URL+"}]\n"), 0o600))
	g := p.serve(t)
	root := g.SignIn(t, gatewaytest.Admin, testkit.Password)
	group := "/api/admin/groups/" + idIn(t, g.Call(t, as(root, "POST", "/api/admin/groups", `{"name":"Everybody"}`)))
	for _, statement := range []string{
		`INSERT INTO users (id, email, hashed_password, is_active, is_superuser)
			SELECT gen_random_uuid(), 'person-' || n || '@example.com', '', true, false FROM generate_series(1, 50) AS n`,
		`INSERT INTO group_memberships (group_id, user_id) SELECT g.id, u.id FROM groups AS g, users AS u`,
	} {
		require.NoError(t, d.Open(t).Exec(statement).Error)
	}
	requests := []testkit.Request{
		login(gatewaytest.Admin),
		as(root, "GET", "/api/users/me", ""),
		as(root, "PATCH", "/api/users/me/preferences", `{"app_ids":["a"]}`),
		as(root, "GET", "/api/users/me/groups", ""),
		as(root, "GET", "/api/profile/me", ""),
		as(root, "GET", "/api/admin/users", ""),
		as(root, "GET", "/api/admin/groups", ""),
		as(root, "GET", group, ""),
		as(root, "GET", "/api/documents", ""),
		as(root, "POST", "/api/documents", "content"),
		as(root, "GET", "/api/plugins", ""),
		as(root, "GET", "/api/settings/appearance", ""),
		as(root, "PATCH", "/api/settings/documents/limits", `{"max_pdf_mb":30}`),
		as("", "GET", "/health/ready", ""),
	}
	ask := func(r testkit.Request) (n int) {
		before := relay.RoundTrips()
		a := g.ask(r)
		require.NoError(t, a.err)
		require.Equal(t, http.StatusOK, a.Status, a)
		for statement, times := range relay.RoundTrips() {
			if !strings.Contains(statement, "storage_") { // which the gateway looks at by itself, and none of the requests
				n += times - before[statement]
			}
		}
		return n
	}
	for _, r := range requests {
		ask(r)
	}
	got := map[string]waits{}
	for _, r := range requests {
		route := r.Method + " " + strings.Replace(r.Path, group, "/api/admin/groups/{id}", 1)
		for try := 0; try < 3 && got[route] != roundTrips[route]; try++ { // a busy machine forgets between the two
			time.Sleep(recent.MaxAge)
			got[route] = waits{ask(r), ask(r)}
		}
	}
	require.Equal(t, roundTrips, got)

	relay.Delay(200 * time.Millisecond)
	for _, r := range requests[:len(requests)-1] {
		ask(r)
	}
	g.requireReady(t)
	release := relay.Stall()
	for _, a := range g.askAll(repeat(20, requests[2])) {
		requireUnavailable(t, a)
	}
	release()
	g.requireReady(t)
	ask(requests[2])
	require.Equal(t, 0, g.stop(t))
}
