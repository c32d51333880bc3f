package modules_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"portico.internal/migrations"
	"portico.internal/modules"
	"portico.internal/modules/gatewaytest"
	"portico.internal/platform/app"
	"portico.internal/platform/testkit"
)

// roles are who may call, from nobody to everything.
var roles = []string{"anonymous", "inactive", "user", "group admin", "admin"}

// methods in an order in which what deletes comes last.
var methods = []string{"GET", "HEAD", "OPTIONS", "TRACE", "PROPFIND", "POST", "PUT", "PATCH", "DELETE"}

// world is a gateway with somebody in every role and a group that one of them runs.
type world struct {
	*testkit.Gateway
	group string
}

func newWorld(t *testing.T, g *testkit.Gateway) *world {
	gone := id(t, g.Call(t, request("GET", "/api/users/me", "inactive@example.com")))
	require.Equal(t, 200, g.Call(t, request("PATCH", "/api/admin/users/"+gone+"/active", root, `{"is_active":false}`)).Status)
	return &world{Gateway: g}
}

// found makes the group anew, whatever has become of it.
func (w *world) found(t *testing.T) {
	_ = w.Call(t, request("DELETE", "/api/admin/groups/"+w.group, root))
	w.group = id(t, w.Call(t, request("POST", "/api/admin/groups", root, `{"name":"Archive"}`)))
	runner := id(t, w.Call(t, request("GET", "/api/users/me", "group-admin@example.com")))
	member := "/api/admin/groups/" + w.group + "/members/" + runner
	require.Equal(t, 201, w.Call(t, request("POST", member, root)).Status)
	require.Equal(t, 200, w.Call(t, request("PATCH", member+"/admin", root, `{"is_group_admin":true}`)).Status)
}

func id(t *testing.T, r testkit.Reply) string {
	t.Helper()
	var body struct{ ID string }
	require.NoError(t, json.Unmarshal([]byte(r.Body), &body), r.Body)
	require.NotEmpty(t, body.ID, r.Body)
	return body.ID
}

// ask sends a request without a body in a role. Whatever ends sessions is undone by signing in again.
func (w *world) ask(t *testing.T, role, method, path string) testkit.Reply {
	email := map[string]string{"inactive": "inactive@example.com", "user": ann, "group admin": "group-admin@example.com", "admin": root}[role]
	r := w.Call(t, testkit.Request{Method: method, Path: path, As: email})
	if r.Status == http.StatusOK && strings.HasSuffix(path, "/logout-all") {
		w.Forget(email)
	}
	return r
}

// path puts the world's group and ids of nothing into the template of a path.
func (w *world) path(template string) string {
	return strings.NewReplacer("/groups/{id}", "/groups/"+w.group, "{user_id}", "a0000000-0000-4000-8000-000000000000",
		"{id}", "a0000000-0000-4000-8000-000000000000", "{path...}", "a0000000-0000-4000-8000-000000000000").Replace(template)
}

// Every path with every method in every role, against a golden table: a route that nobody has looked at fails.
func TestAccessIsTheGoldenOne(t *testing.T) {
	site, _, err := app.Describe(app.Spec{Modules: modules.All(), Chain: migrations.Chain})
	require.NoError(t, err)
	var paths []string
	for _, r := range site.Routes() {
		if !strings.HasPrefix(r.Path, "/docs") && (len(paths) == 0 || paths[len(paths)-1] != r.Path) {
			paths = append(paths, r.Path)
		}
	}
	paths = append(paths, "/api/admin/nowhere", "/api/nowhere")
	gatewaytest.Each(t, nil, func(t *testing.T, g *testkit.Gateway) {
		w := newWorld(t, g)
		hidden := w.ask(t, "user", "GET", "/api/nowhere")
		var table strings.Builder
		fmt.Fprintf(&table, "%-48s %-12s %s\n", "", "", strings.Join(methods, " "))
		for _, path := range paths {
			w.found(t)
			for _, role := range roles {
				fmt.Fprintf(&table, "%-48s %-12s", path, role)
				for _, method := range methods {
					r := w.ask(t, role, method, w.path(path))
					fmt.Fprintf(&table, " %-*d", len(method), r.Status)
					require.Less(t, r.Status, 500, "%s %s as %s: %s", method, path, role, r.Body)
					if strings.HasPrefix(path, "/api/admin/") && (role == "user" || role == "group admin") && method != "HEAD" {
						require.Equal(t, unnamed(hidden), unnamed(r), "%s %s tells %s that it exists", method, path, role)
					}
				}
				table.WriteString("\n")
			}
		}
		if *update {
			require.NoError(t, os.WriteFile("access.golden", []byte(trimLines(table.String())), 0o644))
		}
		golden, err := os.ReadFile("access.golden")
		require.NoError(t, err)
		require.Equal(t, string(golden), trimLines(table.String()), "look at the difference, then: go test ./modules -run Golden -update")
	})
}

// unnamed is a reply without what differs from one request to the next.
func unnamed(r testkit.Reply) testkit.Reply {
	r.Header = r.Header.Clone()
	r.Header.Del("X-Request-Id")
	r.Header.Del("Date")
	return r
}

func trimLines(table string) string {
	var out strings.Builder
	for line := range strings.Lines(table) {
		out.WriteString(strings.TrimRight(line, " \n") + "\n")
	}
	return out.String()
}
