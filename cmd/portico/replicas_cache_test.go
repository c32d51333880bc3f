package main_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"portico.internal/modules/gatewaytest"
	"portico.internal/platform/testkit"
)

// staleness is how old what a replica remembers may be. A busy machine makes an answer late, which makes it no older: who
// asks after this time sees the change.
const staleness = time.Second

// desk is a feature service that tells the groups it is told, and has a plugin for readers.
func desk(t testing.TB) *testkit.Upstream {
	return testkit.NewUpstream(t, func(x *testkit.Exchange) {
		switch {
		case strings.Contains(x.Line, " /plugin/manifest "):
			x.Reply(http.StatusOK, `{"id":"desk","name":"Desk","version":"1","description":"","required_groups":["Readers"],"settings_schema":{"type":"object"}}`, "Content-Type: application/json")
		default:
			x.Reply(http.StatusOK, "groups="+x.Header("x-user-groups")+";")
		}
	})
}

// pair are two replicas with a desk, and who uses them.
type pair struct {
	*testing.T
	one, other *gateway
	db         *gorm.DB
	admin      string
	shared     string // a folder
}

func newPair(t *testing.T, db *gorm.DB, e env) *pair {
	t.Helper()
	p := &pair{T: t, db: db, shared: t.TempDir()}
	config := "services:\n  - id: desk\n    name: Desk\n    url: " + desk(t).URL + "\n    plugin: true\n    system_prompt: Be brief.\n"
	path := filepath.Join(p.shared, "portico.yaml")
	require.NoError(t, os.WriteFile(path, []byte(config), 0o600))
	e = e.with(env{"PORTICO_CONFIG": path, "PORTICO_DOCUMENTS_SERVICE": "desk"})
	p.one, p.other = in(t, e).serve(t), in(t, e).serve(t)
	p.admin = p.one.SignIn(t, gatewaytest.Admin, testkit.Password)
	require.Eventually(t, func() bool { return strings.Contains(p.other.get(t, p.admin, "/api/plugins").Body, `"available"`) }, patience, 20*time.Millisecond)
	return p
}

// change is made through the first replica, by the administrator unless a token is given.
func (p *pair) change(method, path, body string, token ...string) testkit.Reply {
	p.Helper()
	r := p.one.Call(p, as(append(token, p.admin)[0], method, path, body))
	require.Less(p, r.Status, 300, "%s %s: %s", method, path, r.Body)
	return r
}

// What one replica remembers of shared rows is no older than a second, however another one has changed them: with
// announcements, without them behind a connection pooler, and on a file that two processes use.
func TestReplicasSeeEachOthersChanges(t *testing.T) {
	t.Parallel()
	prepared := testkit.Migrated(gatewaytest.Plan(t))
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		d := peopled(t, prepared.Postgres(t))
		seeChanges(t, newPair(t, d.Open(t), on(d)))
	})
	t.Run("postgres behind a pooler", func(t *testing.T) {
		t.Parallel()
		d := peopled(t, prepared.Postgres(t))
		relay := testkit.NewRelay(t, d.URL)
		relay.Deafen(true)
		p := newPair(t, d.Open(t), on(testkit.Database{URL: relay.URL}))
		seeChanges(t, p)
		require.Eventually(t, func() bool { return strings.Contains(p.other.err.String(), "noticed late") }, patience, 10*time.Millisecond)
	})
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		d := peopled(t, prepared.SQLite(t))
		seeChanges(t, newPair(t, d.Open(t), on(d)))
	})
}

func seeChanges(t *testing.T, p *pair) {
	user := func(name string) (id, token string) {
		id = enrol(t, p.db, name+"@example.com", false)
		return id, p.one.SignIn(t, name+"@example.com", testkit.Password)
	}
	annID, ann := user("ann.reader")
	idleID, idle := user("idle")
	goneID, gone := user("gone")
	_, away := user("away")
	riserID, riser := user("riser")
	readers := idIn(t, p.change("POST", "/api/admin/groups", `{"name":"Readers"}`))
	theme := idIn(t, p.change("POST", "/api/settings/themes", themeBody("Night")))
	contentType, body := form(t, pdf("Large", 1, 3<<19))
	limited := func() string {
		return fmt.Sprint(p.other.Call(t, testkit.Request{Method: http.MethodPost, Path: "/api/documents", Token: ann, Type: contentType, Body: body}).Status)
	}
	path := func(token, path string) func() string {
		return func() string { return p.other.get(t, token, path).Body }
	}
	status := func(token, path string) func() string {
		return func() string { return fmt.Sprint(p.other.get(t, token, path).Status) }
	}
	folder := filepath.Join(p.shared, "files")

	var oldest time.Duration
	for _, c := range []struct {
		name   string
		change func()
		sees   func() string
		after  string
	}{
		{"deactivated", func() { p.change("PATCH", "/api/admin/users/"+idleID+"/active", `{"is_active":false}`) }, status(idle, "/api/users/me"), "401"},
		{"deleted", func() { p.change("DELETE", "/api/admin/users/"+goneID, "") }, status(gone, "/api/users/me"), "401"},
		{"sessions ended", func() { p.change("POST", "/api/auth/logout-all", "", away) }, status(away, "/api/users/me"), "401"},
		{"promoted", func() { p.sql("UPDATE users SET is_superuser = true WHERE id = ?", riserID) }, status(riser, "/api/admin/users?q=riser"), "200"},
		{"demoted", func() { p.sql("UPDATE users SET is_superuser = false WHERE id = ?", riserID) }, status(riser, "/api/admin/users?q=riser"), "404"},
		{"preferences", func() { p.change("PATCH", "/api/users/me/preferences", `{"app_ids":["one"]}`, ann) }, path(ann, "/api/users/me/preferences"), `["one"]`},
		{"member, for a service", func() { p.change("POST", "/api/admin/groups/"+readers+"/members/"+annID, "") }, path(ann, "/api/documents"), "groups=" + readers + ";"},
		{"member no more, for a plugin", func() { p.change("DELETE", "/api/admin/groups/"+readers+"/members/"+annID, "") }, path(ann, "/api/plugins"), "[]"},
		{"member, for a plugin", func() { p.change("POST", "/api/admin/groups/"+readers+"/members/"+annID, "") }, path(ann, "/api/plugins"), `"desk"`},
		{"group renamed", func() { p.change("PATCH", "/api/admin/groups/"+readers, `{"name":"Others"}`) }, path(ann, "/api/plugins"), "[]"},
		{"group deleted", func() { p.change("DELETE", "/api/admin/groups/"+readers, "") }, path(ann, "/api/documents"), "groups=;"},
		{"limit lowered", func() { p.change("PATCH", "/api/settings/documents/limits", `{"max_pdf_mb":1}`) }, limited, "413"},
		{"limit raised", func() { p.change("PATCH", "/api/settings/documents/limits", `{"max_pdf_mb":2}`) }, limited, "200"},
		{"appearance", func() {
			p.change("PATCH", "/api/settings/appearance", `{"theme_id":"`+theme+`","default_mode":"dark"}`)
		}, path(ann, "/api/settings/appearance"), `"default_mode":"dark"`},
		{"theme, for the login page", func() { p.change("PATCH", "/api/settings/themes/"+theme, `{"colors":{"dark":{"primary":"#abcdef"}}}`) }, path("", "/api/public/appearance"), "#abcdef"},
		{"theme deleted", func() { p.change("DELETE", "/api/settings/themes/"+theme, "") }, path(ann, "/api/settings/appearance"), `"theme_id":"portico"`},
		{"prompt", func() { p.change("PATCH", "/api/settings/system-prompts/desk", `{"prompt":"Be long."}`) }, path(p.admin, "/api/settings/system-prompts"), "Be long."},
		{"prompt restored", func() { p.change("PATCH", "/api/settings/system-prompts/desk", `{"prompt":null}`) }, path(p.admin, "/api/settings/system-prompts"), "Be brief."},
		{"AI", func() {
			p.change("PATCH", "/api/settings/ai", `{"provider":"ollama","providers":{"ollama":{"model":"some-model"}}}`)
		}, path(p.admin, "/api/settings/ai"), "some-model"},
		{"storage", func() {
			p.change("POST", migratePath, fmt.Sprintf(`{"backend":"local","config":{"root":%q}}`, folder))
			require.Eventually(t, func() bool { _, ended := p.one.state(t, p.admin); return ended }, patience, time.Millisecond)
		}, path(p.admin, "/api/admin/storage-config"), folder},
	} {
		require.NotContains(t, c.sees(), c.after, "%s: there is no change to see", c.name)
		c.change()
		for changed := time.Now(); ; {
			asked := time.Since(changed)
			saw := c.sees()
			if strings.Contains(saw, c.after) {
				break
			}
			require.Less(t, asked, staleness, "%s does not show: %s", c.name, saw)
			oldest = max(oldest, asked)
		}
	}
	p.other.put(t, map[string]string{"through/the/other": "where the first one moved to"})
	require.FileExists(t, filepath.Join(folder, "through/the/other"))
	t.Logf("the last answer from before a change was asked for %v after it", oldest)
	require.Equal(t, 0, p.one.stop(t))
	require.Equal(t, 0, p.other.stop(t))
}

// sql makes a change that no call makes.
func (p *pair) sql(statement string, args ...any) {
	p.Helper()
	require.NoError(p, p.db.Exec(statement, args...).Error)
}

func themeBody(label string) string {
	var tokens []string
	for _, token := range []string{"primary", "on_primary", "secondary", "background", "surface", "on_surface", "muted", "border", "accent", "success", "warning", "danger"} {
		tokens = append(tokens, `"`+token+`":"#101010"`)
	}
	colors := "{" + strings.Join(tokens, ",") + "}"
	return `{"label":"` + label + `","colors":{"light":` + colors + `,"dark":` + colors + `}}`
}
