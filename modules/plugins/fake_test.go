package plugins_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"portico.internal/modules/gatewaytest"
	"portico.internal/platform/testkit"
)

const (
	root     = gatewaytest.Admin
	ann      = "ann@example.com"
	bob      = "bob@example.com"
	patience = 20 * time.Second
)

// fake is a feature service in memory.
type fake struct {
	*httptest.Server
	id string

	mu       sync.Mutex
	groups   string // required_groups, as JSON
	schema   string
	settings string
	etag     bool
	changes  int
	got      []seen                                            // on /plugin/settings
	instead  func(w http.ResponseWriter, r *http.Request) bool // whether it has answered
}

type seen struct {
	method, body string
	header       http.Header
}

// newFake starts a service whose plugin is for the group staff.
func newFake(t testing.TB, id string) *fake {
	t.Helper()
	f := &fake{id: id, groups: `["staff"]`, schema: `{}`, settings: `{}`}
	f.Server = httptest.NewServer(http.HandlerFunc(f.serve))
	t.Cleanup(f.Server.Close)
	return f
}

// set changes the service between two requests.
func (f *fake) set(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

// take returns what has come on /plugin/settings since it was last asked.
func (f *fake) take() []seen {
	f.mu.Lock()
	defer f.mu.Unlock()
	got := f.got
	f.got = nil
	return got
}

func (f *fake) serve(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	f.mu.Lock()
	instead := f.instead
	if r.URL.Path == "/plugin/settings" {
		f.got = append(f.got, seen{r.Method, string(body), r.Header.Clone()})
	}
	f.mu.Unlock()
	if instead != nil && instead(w, r) {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	w.Header().Set("Set-Cookie", "service=1")
	switch r.Method + " " + r.URL.Path {
	case "GET /health":
		fmt.Fprint(w, `{"status":"ok"}`)
	case "GET /plugin/manifest":
		fmt.Fprintf(w, `{"id":%q,"name":"Plugin %s","version":"1.0","description":"","icon":"box","required_groups":%s,"settings_schema":%s}`, f.id, f.id, f.groups, f.schema)
	case "GET /plugin/settings":
		f.answer(w)
	case "PATCH /plugin/settings":
		if tag := r.Header.Get("If-Match"); tag != "" && tag != f.tag() {
			w.WriteHeader(http.StatusPreconditionFailed)
			return
		}
		var old, patch any
		_ = json.Unmarshal([]byte(f.settings), &old)
		_ = json.Unmarshal(body, &patch)
		merged, _ := json.Marshal(mergePatch(old, patch))
		f.settings = string(merged)
		f.changes++
		f.answer(w)
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

func (f *fake) tag() string { return fmt.Sprintf(`"v%d"`, f.changes) }

func (f *fake) answer(w http.ResponseWriter) {
	if f.etag {
		w.Header().Set("ETag", f.tag())
	}
	fmt.Fprint(w, f.settings)
}

// mergePatch is the example of RFC 7396, section 2.
func mergePatch(target, patch any) any {
	p, ok := patch.(map[string]any)
	if !ok {
		return patch
	}
	t, ok := target.(map[string]any)
	if !ok {
		t = map[string]any{}
	}
	for name, value := range p {
		if value == nil {
			delete(t, name)
		} else {
			t[name] = mergePatch(t[name], value)
		}
	}
	return t
}

// entry is a service in the configuration.
type entry struct{ id, url string }

// configured is the environment of a gateway with these plugins.
func configured(t testing.TB, plugins ...entry) map[string]string {
	t.Helper()
	var file strings.Builder
	file.WriteString("services:\n  - {id: doc-service, name: Documents, url: \"http://127.0.0.1:1\"}\n")
	for _, p := range plugins {
		fmt.Fprintf(&file, "  - {id: %s, name: Service %s, url: %q, plugin: true}\n", p.id, p.id, p.url)
	}
	path := filepath.Join(t.TempDir(), "portico.yaml")
	require.NoError(t, os.WriteFile(path, []byte(file.String()), 0o600))
	return map[string]string{"PORTICO_CONFIG": path}
}

// each runs the test with a gateway in front of the plugins on a database of each kind; Ann is in the group staff.
func each(t *testing.T, test func(t *testing.T, g *testkit.Gateway), plugins ...entry) {
	t.Helper()
	gatewaytest.Each(t, configured(t, plugins...), func(t *testing.T, g *testkit.Gateway) {
		join(t, g, ann, found(t, g, "staff"))
		test(t, g)
	})
}

// one runs a gateway for a test of what has nothing to do with the database.
func one(t *testing.T, environ map[string]string) *testkit.Gateway {
	t.Helper()
	g := gatewaytest.Start(t, gatewaytest.Spec(), testkit.Migrated(gatewaytest.Plan(t)).SQLite(t), environ)
	join(t, g, ann, found(t, g, "staff"))
	return g
}

func (f *fake) entry() entry { return entry{f.id, f.URL} }

func call(method, path, as string, body ...string) testkit.Request {
	return testkit.Request{Method: method, Path: path, As: as, Body: strings.Join(body, "")}
}

func id(t testing.TB, r testkit.Reply) string {
	t.Helper()
	var body struct{ ID string }
	require.NoError(t, json.Unmarshal([]byte(r.Body), &body), r.Body)
	require.NotEmpty(t, body.ID, r.Body)
	return body.ID
}

// found makes a group.
func found(t testing.TB, g *testkit.Gateway, name string) string {
	t.Helper()
	return id(t, g.Call(t, call("POST", "/api/admin/groups", root, fmt.Sprintf(`{"name":%q}`, name))))
}

func membership(t testing.TB, g *testkit.Gateway, email, group string) string {
	return "/api/admin/groups/" + group + "/members/" + id(t, g.Call(t, call("GET", "/api/users/me", email)))
}

func join(t testing.TB, g *testkit.Gateway, email, group string) {
	t.Helper()
	require.Equal(t, 201, g.Call(t, call("POST", membership(t, g, email, group), root)).Status)
}

func leave(t testing.TB, g *testkit.Gateway, email, group string) {
	t.Helper()
	require.Equal(t, 204, g.Call(t, call("DELETE", membership(t, g, email, group), root)).Status)
}

// ids are those of the plugins in a list.
func ids(t testing.TB, r testkit.Reply) []string {
	t.Helper()
	require.Equal(t, 200, r.Status, r.Body)
	var list []struct{ ID string }
	require.NoError(t, json.Unmarshal([]byte(r.Body), &list), r.Body)
	out := []string{}
	for _, p := range list {
		out = append(out, p.ID)
	}
	return out
}
