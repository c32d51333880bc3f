package dashboard_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"portico.internal/modules/gatewaytest"
	"portico.internal/platform/testkit"
)

const (
	root = gatewaytest.Admin
	ann  = "ann@example.com"
	bob  = "bob@example.com"
	eve  = "eve@example.com"
	path = "/api/users/me/context"

	patience = time.Minute
)

func call(method, path, as string, body ...string) testkit.Request {
	return testkit.Request{Method: method, Path: path, As: as, Body: strings.Join(body, "")}
}

// house is a gateway with a plugin for the group Staff, one for the group Board, and one that is gone.
type house struct {
	*testkit.Gateway
	t     *testing.T
	asked *atomic.Int32 // how often the services were
}

func each(t *testing.T, test func(h *house)) {
	t.Helper()
	var asked atomic.Int32
	file := "services:\n  - {id: gone, name: Gone, url: \"http://127.0.0.1:1\", plugin: true}\n"
	for _, group := range []string{"Staff", "Board"} {
		service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			asked.Add(1)
			fmt.Fprintf(w, `{"id":"for-%s","name":"For %s","version":"1","description":"","required_groups":[%q],"settings_schema":{}}`, strings.ToLower(group), group, group)
		}))
		t.Cleanup(service.Close)
		file += fmt.Sprintf("  - {id: for-%s, name: For %s, url: %q, plugin: true}\n", strings.ToLower(group), group, service.URL)
	}
	config := filepath.Join(t.TempDir(), "portico.yaml")
	require.NoError(t, os.WriteFile(config, []byte(file), 0o600))
	gatewaytest.EachSpec(t, gatewaytest.Spec(counter), map[string]string{"PORTICO_CONFIG": config}, func(t *testing.T, g *testkit.Gateway) {
		test(&house{g, t, &asked})
	})
}

// gets returns the body of a success.
func (h *house) gets(as, path string) string {
	h.t.Helper()
	r := h.Call(h.t, call("GET", path, as))
	require.Equal(h.t, 200, r.Status, "%s as %s: %s", path, as, r.Body)
	return r.Body
}

// does makes a change as the administrator, or as whom it says, and returns the id in the reply.
func (h *house) does(method, path, body string, as ...string) string {
	h.t.Helper()
	r := h.Call(h.t, call(method, path, append(as, root)[0], body))
	require.Less(h.t, r.Status, 300, "%s %s: %s", method, path, r.Body)
	var made struct{ ID string }
	if r.Body != "" {
		require.NoError(h.t, json.Unmarshal([]byte(r.Body), &made), r.Body)
	}
	return made.ID
}

func (h *house) id(email string) string { return member(h.t, h.gets(email, "/api/users/me"), "id") }

// member is one member of an object: a text, or JSON.
func member(t *testing.T, object, name string) string {
	t.Helper()
	var all map[string]json.RawMessage
	require.NoError(t, json.Unmarshal([]byte(object), &all), object)
	require.Contains(t, all, name)
	var text string
	if json.Unmarshal(all[name], &text) == nil {
		return text
	}
	return string(all[name])
}

// same fails unless the context holds, byte for byte, what each single call returns, and nothing else.
func (h *house) same(as string) string {
	h.t.Helper()
	all := h.gets(as, path)
	var members map[string]json.RawMessage
	require.NoError(h.t, json.Unmarshal([]byte(all), &members))
	want := map[string]string{
		"user": h.gets(as, "/api/users/me"), "app_ids": member(h.t, h.gets(as, "/api/users/me/preferences"), "app_ids"),
		"groups": h.gets(as, "/api/users/me/groups"), "plugins": h.gets(as, "/api/plugins"), "appearance": h.gets(as, "/api/settings/appearance"),
		"limits": h.gets(root, "/api/settings/documents/limits"),
	}
	for name, body := range want {
		require.Equal(h.t, strings.TrimSpace(body), string(members[name]), "%s of %s", name, as)
	}
	require.Len(h.t, members, len(want)+1, "those and the mode: %s", all)
	return all
}

// Whoever asks sees what the single calls show, and a change of any of it at once.
func TestContextIsWhatTheSingleCallsSay(t *testing.T) {
	each(t, func(h *house) {
		require.Equal(t, 401, h.Call(t, call("GET", path, "")).Status)
		staff, board := h.does("POST", "/api/admin/groups", `{"name":"Staff","description":"all"}`), h.does("POST", "/api/admin/groups", `{"name":"Board"}`)
		in := func(group, email string) string { return "/api/admin/groups/" + group + "/members/" + h.id(email) }
		h.does("POST", in(staff, ann), "")
		h.does("POST", in(board, bob), "")
		h.does("PATCH", in(board, bob)+"/admin", `{"is_group_admin":true}`)
		shows := func(as string, want, not []string) {
			t.Helper()
			all := h.same(as)
			for _, text := range want {
				require.Contains(t, all, text)
			}
			for _, text := range append(not, testkit.NeverInReplies...) {
				require.NotContains(t, all, text)
			}
		}
		shows(ann, []string{`"for-staff"`, `"name":"Staff"`, `"mode":"system"`, `"max_pdf_mb":20`, `"is_admin":false`}, []string{"for-board", "Board", bob, "gone"})
		shows(bob, []string{`"for-board"`, `"is_group_admin":true`}, []string{"for-staff", "Staff", ann, "gone"})
		shows(eve, []string{`"groups":[]`, `"plugins":[]`, `"app_ids":[]`}, []string{"Staff", "Board", "gone"})
		shows(root, []string{`"for-board"`, `"for-staff"`, `"id":"gone"`, `"reason":"unreachable"`, `"is_admin":true`, `"groups":[]`}, nil)

		h.does("POST", in(staff, eve), "")
		shows(eve, []string{`"for-staff"`}, []string{"for-board"})
		h.does("DELETE", in(staff, ann), "")
		shows(ann, []string{`"plugins":[]`}, []string{"taff"})
		h.does("PATCH", "/api/admin/groups/"+staff, `{"name":"Crew"}`)
		shows(eve, []string{`"Crew"`, `"plugins":[]`}, []string{"for-staff"})
		h.does("PATCH", "/api/admin/users/"+h.id(eve), `{"is_admin":true}`)
		h.Forget(eve) // it has ended her sessions
		shows(eve, []string{`"is_admin":true`, `"gone"`, `"for-board"`}, nil)
		h.does("PATCH", "/api/admin/users/"+h.id(eve), `{"is_admin":false}`)
		h.Forget(eve) // it has ended her sessions
		shows(eve, []string{`"is_admin":false`, `"plugins":[]`}, []string{"gone"})

		h.does("PATCH", "/api/settings/documents/limits", `{"max_pdf_mb":7}`)
		theme := h.does("POST", "/api/settings/themes/high-contrast/duplicate", `{"label":"Night"}`)
		h.does("PATCH", "/api/settings/appearance", `{"default_mode":"dark","theme_id":"`+theme+`"}`)
		h.does("PATCH", "/api/users/me/preferences", `{"app_ids":["documents","for-board"]}`, bob)
		shows(bob, []string{`"max_pdf_mb":7`, `"mode":"dark"`, `"label":"Night"`, `"app_ids":["documents","for-board"]`}, nil)
		h.does("PATCH", "/api/settings/themes/"+theme, `{"label":"Midnight"}`)
		h.does("PATCH", "/api/users/me/color-mode", `{"color_mode":"light"}`, bob)
		shows(bob, []string{`"label":"Midnight"`, `"mode":"light"`, `"default_mode":"dark"`, `"color_mode":"light"`}, nil)
		h.does("PATCH", "/api/users/me/color-mode", `{"color_mode":null}`, bob)
		shows(bob, []string{`"mode":"dark"`}, nil)

		h.does("PATCH", "/api/admin/users/"+h.id(bob)+"/active", `{"is_active":false}`)
		require.Equal(t, 401, h.Call(t, call("GET", path, bob)).Status)
	})
}

// The tag says whether anything has changed.
func TestContextHasATag(t *testing.T) {
	each(t, func(h *house) {
		ask := func(tag string) testkit.Reply {
			r := call("GET", path, ann)
			if tag != "" {
				r.Header = http.Header{"If-None-Match": {tag}}
			}
			return h.Call(t, r)
		}
		first := ask("")
		tag := first.Header.Get("ETag")
		require.NotEmpty(t, tag)
		same := ask(tag)
		require.Equal(t, 304, same.Status)
		require.Empty(t, same.Body)
		require.Equal(t, tag, same.Header.Get("ETag"))
		require.Equal(t, 304, ask("W/"+tag+`, "other"`).Status)
		require.NotEqual(t, tag, h.Call(t, call("GET", path, eve)).Header.Get("ETag"), "another's is another")

		staff := h.does("POST", "/api/admin/groups", `{"name":"Staff"}`)
		require.Equal(t, 304, ask(tag).Status, "a group without her is not in it")
		h.does("POST", "/api/admin/groups/"+staff+"/members/"+h.id(ann), "")
		changed := ask(tag)
		require.Equal(t, 200, changed.Status)
		require.Contains(t, changed.Body, "for-staff")
		require.NotEqual(t, tag, changed.Header.Get("ETag"))
		h.does("PATCH", "/api/settings/documents/limits", `{"max_pdf_mb":3}`)
		require.Equal(t, 200, ask(changed.Header.Get("ETag")).Status)
	})
}

// However much a user has, the call costs a bounded number of statements, most often one, and asks no service.
func TestContextCostsNextToNothing(t *testing.T) {
	each(t, func(h *house) {
		for i := range 30 {
			group := h.does("POST", "/api/admin/groups", fmt.Sprintf(`{"name":"Group %d"}`, i))
			h.does("POST", "/api/admin/groups/"+group+"/members/"+h.id(ann), "")
		}
		h.gets(ann, path)
		const times = 100
		asked, most, once := h.asked.Load(), 0, 0
		for range times {
			before := statements.Load()
			h.gets(ann, path)
			cost := int(statements.Load() - before)
			most = max(most, cost)
			if cost == 1 {
				once++
			}
		}
		require.LessOrEqual(t, most, 5, "account, groups, theme, limits")
		require.Positive(t, once, "all but the groups is at hand")
		require.Less(t, h.asked.Load()-asked, int32(times/2), "no service is asked for it")
	})
}

// A service that hangs keeps nobody waiting.
func TestContextDoesNotWaitForServices(t *testing.T) {
	hanging := testkit.NewUpstream(t, func(x *testkit.Exchange) { x.Hang() })
	config := filepath.Join(t.TempDir(), "portico.yaml")
	require.NoError(t, os.WriteFile(config, []byte("services:\n  - {id: slow, name: Slow, url: \""+hanging.URL+"\", plugin: true}\n"), 0o600))
	g := gatewaytest.Start(t, gatewaytest.Spec(), testkit.Migrated(gatewaytest.Plan(t)).SQLite(t), map[string]string{"PORTICO_CONFIG": config})
	require.Eventually(t, func() bool { return strings.Contains(g.Call(t, call("GET", path, root)).Body, `"reason":"timed out"`) }, patience, 10*time.Millisecond)
	dials := hanging.Dials()
	for range 100 {
		require.Equal(t, 200, g.Call(t, call("GET", path, root)).Status)
	}
	require.Less(t, hanging.Dials()-dials, 50, "a hundred calls have asked it next to never")
}

// Where the groups cannot be read nothing is shown: a plugin of a group that somebody has left would be.
func TestContextFailsClosed(t *testing.T) {
	testkit.Migrated(gatewaytest.Plan(t)).Each(t, func(t *testing.T, d testkit.Database) {
		g := gatewaytest.Start(t, gatewaytest.Spec(), d, nil)
		g.Token(t, ann)
		require.Equal(t, 200, g.Call(t, call("GET", path, ann)).Status)
		require.NoError(t, d.Open(t).Exec("ALTER TABLE group_memberships RENAME TO group_memberships_gone").Error)
		r := g.Call(t, call("GET", path, ann))
		require.GreaterOrEqual(t, r.Status, 500)
		require.NotContains(t, r.Body, ann)
		require.NotContains(t, r.Body, "group_memberships")
	})
}
