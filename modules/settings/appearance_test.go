package settings_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"portico.internal/modules/gatewaytest"
	"portico.internal/platform/testkit"
)

const (
	appearancePath = "/api/settings/appearance"
	publicPath     = "/api/public/appearance"
	themesPath     = "/api/settings/themes"
	someUser       = "user@example.com"
)

type themeJSON struct {
	ID, Label string
	IsBuiltin bool                         `json:"is_builtin"`
	IsActive  bool                         `json:"is_active"`
	Colors    map[string]map[string]string // by mode and token
	Warnings  []struct {
		Mode, Foreground, Background string
		Ratio, Required              float64
	}
}

type appearanceJSON struct {
	ThemeID     string `json:"theme_id"`
	DefaultMode string `json:"default_mode"`
	Theme       themeJSON
}

// look is a gateway with what the tests of its look do all the time.
type look struct {
	*testkit.Gateway
	t *testing.T
}

func eachLook(t *testing.T, test func(l *look)) {
	gatewaytest.Each(t, nil, func(t *testing.T, g *testkit.Gateway) { test(&look{g, t}) })
}

// do asks as the administrator and decodes a reply of that status.
func do[T any](l *look, status int, method, path, body string) (out T) {
	l.t.Helper()
	reply := l.Call(l.t, admin(method, path, body))
	require.Equal(l.t, status, reply.Status, "%s %s: %s", method, path, reply.Body)
	require.NoError(l.t, json.Unmarshal([]byte(reply.Body), &out), reply.Body)
	return out
}

func (l *look) appearance() appearanceJSON {
	l.t.Helper()
	return do[appearanceJSON](l, 200, "GET", appearancePath, "")
}

func (l *look) themes() []themeJSON {
	l.t.Helper()
	return do[[]themeJSON](l, 200, "GET", themesPath, "")
}

// active is the one theme that the list says is active.
func (l *look) active() string {
	l.t.Helper()
	var list []string
	for _, theme := range l.themes() {
		if theme.IsActive {
			list = append(list, theme.ID)
		}
	}
	require.Len(l.t, list, 1)
	return list[0]
}

// under asks with a header.
func (l *look) under(name, value string, r testkit.Request) testkit.Reply {
	l.t.Helper()
	r.Header = http.Header{name: {value}}
	return l.Call(l.t, r)
}

func (l *look) tag(path string) string {
	l.t.Helper()
	tag := l.Call(l.t, admin("GET", path, "")).Header.Get("ETag")
	require.Regexp(l.t, `^"[0-9]+-[0-9a-f]{16}"$`, tag, path)
	return tag
}

func TestAppearance(t *testing.T) {
	eachLook(t, func(l *look) {
		l.Run(l.t,
			testkit.Scenario{Name: "default", Request: admin("GET", appearancePath, ""), Status: 200,
				Want: []string{`{"theme_id":"portico","default_mode":"system","theme":{"id":"portico","label":"Portico","is_builtin":true,"is_active":true,"colors":{"light":{"primary":`}},
			testkit.Scenario{Name: "public", Request: testkit.Request{Method: "GET", Path: publicPath}, Status: 200,
				Want: []string{`{"default_mode":"system","theme":{"id":"portico",`}, Not: []string{"theme_id"}},
			testkit.Scenario{Name: "mode", Request: admin("PATCH", appearancePath, `{"default_mode":"dark"}`), Status: 200,
				Want: []string{`{"theme_id":"portico","default_mode":"dark","theme":{"id":"portico",`}},
			testkit.Scenario{Name: "theme", Request: admin("PATCH", appearancePath, `{"theme_id":"ocean"}`), Status: 200,
				Want: []string{`{"theme_id":"ocean","default_mode":"dark","theme":{"id":"ocean","label":"Ocean","is_builtin":true,"is_active":true,`}},
			testkit.Scenario{Name: "nothing", Request: admin("PATCH", appearancePath, `{}`), Status: 200, Want: []string{`"theme_id":"ocean","default_mode":"dark"`}},
			testkit.Scenario{Name: "unknown theme", Request: admin("PATCH", appearancePath, `{"theme_id":"nowhere","default_mode":"light"}`), Status: 400, Want: []string{`{"detail":"There is no such theme"}`}},
			testkit.Scenario{Name: "no theme", Request: admin("PATCH", appearancePath, `{"theme_id":""}`), Status: 400},
			testkit.Scenario{Name: "theme of null", Request: admin("PATCH", appearancePath, `{"theme_id":null}`), Status: 422, Want: []string{`"loc":["body","theme_id"]`}},
			testkit.Scenario{Name: "mode of null", Request: admin("PATCH", appearancePath, `{"default_mode":null}`), Status: 422, Want: []string{`"loc":["body","default_mode"]`}},
			testkit.Scenario{Name: "unknown mode", Request: admin("PATCH", appearancePath, `{"theme_id":"plum","default_mode":"sepia"}`), Status: 422,
				Want: []string{`{"type":"literal_error","loc":["body","default_mode"],"msg":"Input should be 'light', 'dark' or 'system'"`}},
			testkit.Scenario{Name: "mode in capitals", Request: admin("PATCH", appearancePath, `{"default_mode":"Dark"}`), Status: 422},
			testkit.Scenario{Name: "theme that is a number", Request: admin("PATCH", appearancePath, `{"theme_id":7}`), Status: 422},
			testkit.Scenario{Name: "nothing of it is stored", Request: admin("GET", appearancePath, ""), Status: 200, Want: []string{`"theme_id":"ocean","default_mode":"dark"`}},
			testkit.Scenario{Name: "the public sees it at once", Request: testkit.Request{Method: "GET", Path: publicPath}, Status: 200, Want: []string{`{"default_mode":"dark","theme":{"id":"ocean",`}},
		)
		require.Equal(l.t, "ocean", l.active())

		var public map[string]any
		require.NoError(l.t, json.Unmarshal([]byte(l.Call(l.t, testkit.Request{Method: "GET", Path: publicPath}).Body), &public))
		require.Len(l.t, public, 2)
		require.Equal(l.t, "no-cache", l.Call(l.t, testkit.Request{Method: "GET", Path: publicPath}).Header.Get("Cache-Control"))
	})
}

// Whoever may not do it is told nothing but what an unknown path tells.
func TestAppearanceIsForThoseWhoMay(t *testing.T) {
	eachLook(t, func(l *look) {
		unknown := l.Call(l.t, testkit.Request{Method: "GET", Path: "/api/nowhere", As: someUser})
		require.Equal(l.t, 404, unknown.Status)
		for _, path := range []string{appearancePath, themesPath} {
			require.Equal(l.t, 200, l.Call(l.t, testkit.Request{Method: "GET", Path: path, As: someUser}).Status)
			require.Equal(l.t, 401, l.Call(l.t, testkit.Request{Method: "GET", Path: path}).Status)
		}
		for _, ask := range []string{
			"PATCH " + appearancePath, "POST " + themesPath, "POST " + themesPath + "/import", "PATCH " + themesPath + "/ocean", "DELETE " + themesPath + "/ocean",
			"PATCH " + themesPath + "/nowhere", "POST " + themesPath + "/ocean/duplicate", "GET " + themesPath + "/ocean/export",
		} {
			method, path, _ := strings.Cut(ask, " ")
			for _, body := range []string{`{}`, `{`, `{"label":"x","theme_id":"ocean"}`} {
				if method == "GET" {
					body = ""
				}
				r := l.Call(l.t, testkit.Request{Method: method, Path: path, As: someUser, Body: body})
				require.Equal(l.t, unknown.Status, r.Status, ask)
				require.Equal(l.t, unknown.Body, r.Body, ask)
				require.Equal(l.t, 401, l.Call(l.t, testkit.Request{Method: method, Path: path, Body: body}).Status, ask)
			}
		}
		require.Len(l.t, l.themes(), len(builtinIDs))
	})
}

// A theme may be gone that the row still names: then the default one is meant, everywhere.
func TestAppearanceOfAThemeThatIsGone(t *testing.T) {
	testkit.Migrated(gatewaytest.Plan(t)).Each(t, func(t *testing.T, d testkit.Database) {
		db := d.Open(t)
		l := &look{gatewaytest.Start(t, gatewaytest.Spec(), d, nil), t}
		do[appearanceJSON](l, 200, "PATCH", appearancePath, `{"theme_id":"ocean","default_mode":"light"}`)
		require.NoError(t, db.Exec(`UPDATE settings SET value = '{"theme_id":"gone","default_mode":"light"}' WHERE key = 'appearance'`).Error)

		got := l.appearance()
		require.Equal(t, appearanceJSON{"portico", "light", got.Theme}, got)
		require.Equal(t, "portico", got.Theme.ID)
		require.True(t, got.Theme.IsActive)
		require.Equal(t, "portico", l.active())
		require.Eventually(t, func() bool {
			return strings.HasPrefix(l.Call(t, testkit.Request{Method: "GET", Path: publicPath}).Body, `{"default_mode":"light","theme":{"id":"portico",`)
		}, 10*time.Second, 20*time.Millisecond)

		made := do[themeJSON](l, 201, "POST", themesPath, themeBody("Gone", nil))
		require.Equal(t, "gone-2", made.ID, "a new theme is not active by chance")
		require.Equal(t, "portico", l.active())
		require.Equal(t, "portico", do[appearanceJSON](l, 200, "PATCH", appearancePath, `{"default_mode":"dark"}`).Theme.ID)
	})
}

func TestAppearanceIsSeenOnEveryReplica(t *testing.T) {
	testkit.Migrated(gatewaytest.Plan(t)).Each(t, func(t *testing.T, d testkit.Database) {
		replicas := gatewaytest.Replicas(t, gatewaytest.Spec(), d, nil)
		first, last := &look{replicas[0], t}, replicas[len(replicas)-1]
		made := do[themeJSON](first, 201, "POST", themesPath, themeBody("House", nil))
		do[appearanceJSON](first, 200, "PATCH", appearancePath, `{"theme_id":"`+made.ID+`"}`)
		for round := range 5 {
			primary := fmt.Sprintf("#00000%d", round)
			do[themeJSON](first, 200, "PATCH", themesPath+"/"+made.ID, `{"colors":{"dark":{"primary":"`+primary+`"}}}`)
			require.Contains(t, first.Call(t, testkit.Request{Method: "GET", Path: publicPath}).Body, `"dark":{"primary":"`+primary+`"`, "at once where it was made")
			require.Eventually(t, func() bool {
				return strings.Contains(last.Call(t, testkit.Request{Method: "GET", Path: publicPath}).Body, `"dark":{"primary":"`+primary+`"`)
			}, 10*time.Second, 5*time.Millisecond)
		}
	})
}

func TestAppearanceIsChangedOnlyInTheVersionNamed(t *testing.T) {
	eachLook(t, func(l *look) {
		stale := l.tag(appearancePath)
		changed := l.under("If-Match", stale, admin("PATCH", appearancePath, `{"theme_id":"plum"}`))
		require.Equal(l.t, 200, changed.Status, changed.Body)
		require.Equal(l.t, changed.Header.Get("ETag"), l.tag(appearancePath))
		require.Equal(l.t, 412, l.under("If-Match", stale, admin("PATCH", appearancePath, `{"theme_id":"ocean"}`)).Status)
		require.Equal(l.t, 200, l.under("If-Match", l.tag(themesPath), admin("PATCH", appearancePath, `{"theme_id":"forest"}`)).Status, "the list is under the same version")
		require.Equal(l.t, "forest", l.appearance().ThemeID)
	})
}

func TestNobodyLoadsALookTwice(t *testing.T) {
	eachLook(t, func(l *look) {
		made := do[themeJSON](l, 201, "POST", themesPath, themeBody("House", nil))
		paths := []string{publicPath, appearancePath, themesPath, themesPath + "/" + made.ID + "/export"}
		before := map[string]string{}
		for _, path := range paths {
			before[path] = l.tag(path)
			for _, tags := range []string{before[path], `"x", W/` + before[path], `*`} {
				r := l.under("If-None-Match", tags, admin("GET", path, ""))
				require.Equal(l.t, 304, r.Status, path)
				require.Empty(l.t, r.Body)
				require.Equal(l.t, before[path], r.Header.Get("ETag"))
			}
		}
		do[appearanceJSON](l, 200, "PATCH", appearancePath, `{"theme_id":"`+made.ID+`"}`)
		for _, path := range paths[:3] {
			require.Equal(l.t, 200, l.under("If-None-Match", before[path], admin("GET", path, "")).Status, "another theme is active: %s", path)
			before[path] = l.tag(path)
		}
		require.Equal(l.t, before[paths[3]], l.tag(paths[3]))
		do[themeJSON](l, 200, "PATCH", themesPath+"/"+made.ID, `{"colors":{"light":{"border":"#abc"}}}`)
		for _, path := range paths {
			require.NotEqual(l.t, before[path], l.tag(path), path)
		}
	})
}
