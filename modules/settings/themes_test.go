package settings_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"portico.internal/modules/gatewaytest"
	"portico.internal/modules/settings"
	"portico.internal/platform/testkit"
)

var (
	builtinIDs = []string{"portico", "forest", "terracotta", "ocean", "graphite", "plum", "high-contrast", "high-contrast-yellow"}
	tokenNames = []string{"primary", "on_primary", "secondary", "background", "surface", "on_surface", "muted", "border", "accent", "success", "warning", "danger"}
)

// themeBody is a theme that reads well, in JSON. The colors by "mode.token" replace those it has; an empty one leaves the
// token out.
func themeBody(label string, set map[string]string) string {
	modes := map[string]map[string]string{}
	for mode, ink := range map[string][2]string{"light": {"#112233", "#FFF"}, "dark": {"#eef", "#0a0a0aFF"}} {
		modes[mode] = map[string]string{}
		for _, token := range tokenNames {
			modes[mode][token] = ink[0]
		}
		for _, token := range []string{"on_primary", "background", "surface"} {
			modes[mode][token] = ink[1]
		}
	}
	for place, value := range set {
		mode, token, _ := strings.Cut(place, ".")
		if modes[mode][token] = value; value == "" {
			delete(modes[mode], token)
		}
	}
	text, _ := json.Marshal(map[string]any{"label": label, "colors": modes})
	return string(text)
}

func TestThemesAreListedInOrder(t *testing.T) {
	eachLook(t, func(l *look) {
		for _, label := range []string{"zebra", "Älpler", "apple", "Zebra", "APPLE"} {
			do[themeJSON](l, 201, "POST", themesPath, themeBody(label, nil))
		}
		var ids, labels []string
		for i, theme := range l.themes() {
			ids, labels = append(ids, theme.ID), append(labels, theme.Label)
			require.Equal(l.t, i < len(builtinIDs), theme.IsBuiltin)
			require.Equal(l.t, i == 0, theme.IsActive)
			require.Len(l.t, theme.Colors, 2)
			require.Len(l.t, theme.Colors["light"], len(tokenNames))
			require.Len(l.t, theme.Colors["dark"], len(tokenNames))
		}
		require.Equal(l.t, append(builtinIDs[:len(builtinIDs):len(builtinIDs)], "apple", "apple-2", "zebra", "zebra-2", "alpler"), ids)
		require.Equal(l.t, []string{"apple", "APPLE", "zebra", "Zebra", "Älpler"}, labels[len(builtinIDs):])

		// The order of the tokens never changes.
		var order []string
		for _, token := range tokenNames {
			order = append(order, `"`+token+`":"#[0-9a-f]{3,8}"`)
		}
		palette := strings.Join(order, ",")
		require.Regexp(l.t, `^(.?\{"id":"[a-z0-9-]+","label":"[^"]+","is_builtin":(true|false),"is_active":(true|false),"colors":\{"light":\{`+palette+`\},"dark":\{`+palette+`\}\}\})+\]$`,
			l.Call(l.t, admin("GET", themesPath, "")).Body)
	})
}

func TestThemeIsMade(t *testing.T) {
	eachLook(t, func(l *look) {
		made := do[themeJSON](l, 201, "POST", themesPath, themeBody("  <b>Crème</b>\nBrûlée\u200b ", map[string]string{"light.primary": "#ABCDEF80", "dark.border": "#FfF"}))
		require.Equal(l.t, "creme-brulee", made.ID)
		require.Equal(l.t, "Crème Brûlée", made.Label)
		require.False(l.t, made.IsBuiltin)
		require.False(l.t, made.IsActive)
		require.Equal(l.t, "#abcdef80", made.Colors["light"]["primary"], "lower case, as given")
		require.Equal(l.t, "#fff", made.Colors["dark"]["border"])
		require.Equal(l.t, "#0a0a0aff", made.Colors["dark"]["surface"])
		require.Equal(l.t, "portico", l.active())
		listed := l.themes()[len(builtinIDs)]
		listed.Warnings = made.Warnings
		require.Equal(l.t, made, listed)

		for label, id := range map[string]string{"日本語": "theme", "Portico": "portico-2", "ocean!": "ocean-2", "import": "import-2", strings.Repeat("㏙", 64): strings.Repeat("ppm", 22)[:64]} {
			require.Equal(l.t, id, do[themeJSON](l, 201, "POST", themesPath, themeBody(label, nil)).ID, label)
		}
		require.Equal(l.t, "theme-2", do[themeJSON](l, 201, "POST", themesPath, themeBody("夜", nil)).ID)
		require.Equal(l.t, 200, l.Call(l.t, admin("PATCH", themesPath+"/import-2", `{"label":"Import"}`)).Status)
		require.Equal(l.t, strings.Repeat("ß", 64), do[themeJSON](l, 201, "POST", themesPath, themeBody(strings.Repeat("ß", 64), nil)).Label)
	})
}

func TestThemeMustBeWhole(t *testing.T) {
	eachLook(t, func(l *look) {
		refuse := func(name, body, want string) {
			for path, body := range map[string]string{themesPath: body, themesPath + "/import": strings.Replace(body, "{", `{"portico_theme":1,`, 1)} {
				r := l.Call(l.t, admin("POST", path, body))
				require.Equal(l.t, 422, r.Status, "%s: %s", name, r.Body)
				require.Contains(l.t, r.Body, want, name)
			}
		}
		for value, kind := range map[string]string{"red": "string_pattern_mismatch", "#12": "string_pattern_mismatch", "#1234": "string_pattern_mismatch", "#12345": "string_pattern_mismatch",
			"#1234567": "string_pattern_mismatch", "#123456789": "string_pattern_mismatch", "#ggg": "string_pattern_mismatch", "123": "string_pattern_mismatch", " #123": "string_pattern_mismatch",
			"#123\n": "string_pattern_mismatch", "rgb(0,0,0)": "string_pattern_mismatch", "#１２３": "string_pattern_mismatch", "#123;}": "string_pattern_mismatch"} {
			refuse(value, themeBody("x", map[string]string{"light.primary": value}), `{"type":"`+kind+`","loc":["body","colors","light","primary"]`)
		}
		for _, token := range tokenNames {
			refuse(token, themeBody("x", map[string]string{"dark." + token: ""}), `{"type":"missing","loc":["body","colors","dark","`+token+`"],"msg":"Field required"`)
		}
		refuse("unknown token", themeBody("x", map[string]string{"light.tertiary": "#fff"}), `{"type":"extra_forbidden","loc":["body","colors","light","tertiary"],"msg":"Extra inputs are not permitted","input":"#fff"}`)
		refuse("token in capitals", themeBody("x", map[string]string{"light.Primary": "#fff"}), `"loc":["body","colors","light","Primary"]`)
		refuse("unknown mode", strings.Replace(themeBody("x", nil), `"colors":{`, `"colors":{"sepia":{},`, 1), `{"type":"extra_forbidden","loc":["body","colors","sepia"]`)
		refuse("color of null", strings.Replace(themeBody("x", nil), `"primary":"#112233"`, `"primary":null`, 1), `{"type":"string_type","loc":["body","colors","light","primary"]`)
		refuse("a number", strings.Replace(themeBody("x", nil), `"primary":"#112233"`, `"primary":123`, 1), `{"type":"string_type","loc":["body","colors","light","primary"]`)
		refuse("no dark", `{"label":"x","colors":{"light":{}}}`, `{"type":"missing","loc":["body","colors","dark"]`)
		refuse("no colors", `{"label":"x"}`, `{"type":"missing","loc":["body","colors"]`)
		refuse("colors of null", `{"label":"x","colors":null}`, `"loc":["body","colors"]`)
		refuse("colors of a list", `{"label":"x","colors":[]}`, `"loc":["body","colors"]`)
		refuse("no label", strings.Replace(themeBody("x", nil), `,"label":"x"`, ``, 1), `{"type":"missing","loc":["body","label"]`)
		refuse("empty label", themeBody("", nil), `{"type":"string_too_short","loc":["body","label"]`)
		refuse("label of nothing to see", themeBody(" \u200b<i></i>", nil), `{"type":"string_too_short","loc":["body","label"]`)
		refuse("long label", themeBody(strings.Repeat("x", 65), nil), `{"type":"string_too_long","loc":["body","label"]`)
		for _, loc := range []string{`["body","label"]`, `["body","colors","light","primary"]`, `["body","colors","light","tertiary"]`} {
			refuse("all at once", themeBody("", map[string]string{"light.primary": "red", "light.tertiary": "#fff"}), `"loc":`+loc)
		}
		require.Len(l.t, l.themes(), len(builtinIDs))
	})
}

func TestThemeIsAltered(t *testing.T) {
	eachLook(t, func(l *look) {
		made := do[themeJSON](l, 201, "POST", themesPath, themeBody("House", nil))
		path := themesPath + "/" + made.ID
		want := made
		for _, change := range []struct{ body, mode, token, value string }{
			{`{}`, "", "", ""},
			{`{"colors":{}}`, "", "", ""},
			{`{"colors":{"light":{}}}`, "", "", ""},
			{`{"colors":{"dark":{"accent":"#ABC"}}}`, "dark", "accent", "#abc"},
			{`{"colors":{"light":{"accent":"#01020304"}}}`, "light", "accent", "#01020304"},
		} {
			tag := l.tag(themesPath)
			got := do[themeJSON](l, 200, "PATCH", path, change.body)
			if change.token != "" {
				want.Colors[change.mode][change.token] = change.value
			} else {
				require.Equal(l.t, tag, l.tag(themesPath), "nothing has changed")
			}
			got.Warnings, want.Warnings = nil, nil
			require.Equal(l.t, want, got, change.body)
		}
		renamed := do[themeJSON](l, 200, "PATCH", path, `{"label":" Hearth ","is_builtin":true,"id":"x"}`)
		require.Equal(l.t, "Hearth", renamed.Label)
		require.Equal(l.t, made.ID, renamed.ID, "an id stays")
		require.False(l.t, renamed.IsBuiltin)
		require.Equal(l.t, want.Colors, renamed.Colors)

		for body, loc := range map[string]string{
			`{"label":null}`: `["body","label"]`, `{"label":""}`: `["body","label"]`, `{"colors":null}`: `["body","colors"]`,
			`{"colors":{"light":null}}`: `["body","colors","light"]`, `{"colors":{"light":{"primary":null}}}`: `["body","colors","light","primary"]`,
			`{"colors":{"light":{"primary":""}}}`: `["body","colors","light","primary"]`, `{"colors":{"dark":{"primary":"#12"}}}`: `["body","colors","dark","primary"]`,
			`{"label":"y","colors":{"light":{"tertiary":"#fff"}}}`: `["body","colors","light","tertiary"]`, `{"colors":{"sepia":{}}}`: `["body","colors","sepia"]`,
		} {
			r := l.Call(l.t, admin("PATCH", path, body))
			require.Equal(l.t, 422, r.Status, "%s: %s", body, r.Body)
			require.Contains(l.t, r.Body, `"loc":`+loc, body)
		}
		refused := func(status int, detail string, requests ...testkit.Request) {
			for _, r := range requests {
				reply := l.Call(l.t, r)
				require.Equal(l.t, status, reply.Status, "%s %s: %s", r.Method, r.Path, reply.Body)
				require.Equal(l.t, `{"detail":"`+detail+`"}`, reply.Body)
			}
		}
		refused(400, "A built-in theme cannot be changed", admin("PATCH", themesPath+"/portico", `{"label":"x"}`), admin("PATCH", themesPath+"/plum", `{}`))
		refused(400, "A built-in theme cannot be deleted", admin("DELETE", themesPath+"/portico", ""))
		for _, id := range []string{"nowhere", "House", "house%20", strings.Repeat("x", 5000), "%00", "%ff"} {
			for _, r := range []testkit.Request{admin("PATCH", themesPath+"/"+id, `{"label":"x"}`), admin("DELETE", themesPath+"/"+id, ""),
				admin("POST", themesPath+"/"+id+"/duplicate", ""), admin("GET", themesPath+"/"+id+"/export", "")} {
				require.Equal(l.t, 404, l.Call(l.t, r).Status, "%s %s", r.Method, id)
			}
		}
		require.Equal(l.t, "Hearth", l.themes()[len(builtinIDs)].Label)
	})
}

func TestThemeIsDeleted(t *testing.T) {
	eachLook(t, func(l *look) {
		for _, label := range []string{"One", "Two"} {
			do[themeJSON](l, 201, "POST", themesPath, themeBody(label, nil))
		}
		do[appearanceJSON](l, 200, "PATCH", appearancePath, `{"theme_id":"two","default_mode":"dark"}`)
		require.Equal(l.t, 204, l.Call(l.t, admin("DELETE", themesPath+"/one", "")).Status)
		require.Equal(l.t, "two", l.active())
		require.Contains(l.t, l.Call(l.t, testkit.Request{Method: "GET", Path: publicPath}).Body, `"id":"two"`)
		gone := l.Call(l.t, admin("DELETE", themesPath+"/two", ""))
		require.Equal(l.t, 204, gone.Status)
		require.Empty(l.t, gone.Body)
		require.Equal(l.t, "portico", l.active())
		got := l.appearance()
		require.Equal(l.t, [3]string{"portico", "dark", "portico"}, [3]string{got.ThemeID, got.DefaultMode, got.Theme.ID})
		require.Contains(l.t, l.Call(l.t, testkit.Request{Method: "GET", Path: publicPath}).Body, `"id":"portico"`)
		require.Equal(l.t, 404, l.Call(l.t, admin("DELETE", themesPath+"/two", "")).Status)
		require.Equal(l.t, "two", do[themeJSON](l, 201, "POST", themesPath, themeBody("Two", nil)).ID)
		require.Equal(l.t, "portico", l.active())
	})
}

func TestThemesAreChangedOnlyInTheVersionNamed(t *testing.T) {
	eachLook(t, func(l *look) {
		stale := l.tag(themesPath)
		made := l.Call(l.t, admin("POST", themesPath, themeBody("House", nil)))
		path := themesPath + "/house"
		for _, r := range []testkit.Request{admin("PATCH", path, `{"label":"x"}`), admin("PATCH", path, `{}`), admin("DELETE", path, "")} {
			require.Equal(l.t, 412, l.under("If-Match", stale, r).Status)
		}
		require.Equal(l.t, "House", l.themes()[len(builtinIDs)].Label)
		changed := l.under("If-Match", made.Header.Get("ETag"), admin("PATCH", path, `{"label":"x"}`))
		require.Equal(l.t, 200, changed.Status, changed.Body)
		require.Equal(l.t, 412, l.under("If-Match", made.Header.Get("ETag"), admin("DELETE", path, "")).Status)
		require.Equal(l.t, 204, l.under("If-Match", l.tag(themesPath), admin("DELETE", path, "")).Status)
	})
}

func TestThereIsRoomForSomeThemes(t *testing.T) {
	testkit.Migrated(gatewaytest.Plan(t)).Each(t, func(t *testing.T, d testkit.Database) {
		l := &look{gatewaytest.Start(t, gatewaytest.Spec(), d, nil), t}
		var rows []settings.Theme
		for i := range 199 {
			rows = append(rows, settings.Theme{ID: fmt.Sprint("many-", i), Label: "Many", Colors: "{}"})
		}
		require.NoError(t, d.Open(t).Create(&rows).Error)
		do[themeJSON](l, 201, "POST", themesPath, themeBody("Last", nil))
		document := l.Call(t, admin("GET", themesPath+"/last/export", "")).Body
		for _, r := range []testkit.Request{admin("POST", themesPath, themeBody("More", nil)), admin("POST", themesPath+"/last/duplicate", ""), admin("POST", themesPath+"/import", document)} {
			reply := l.Call(t, r)
			require.Equal(t, 400, reply.Status, reply.Body)
			require.Equal(t, `{"detail":"There can be at most 200 themes besides the built-in ones"}`, reply.Body)
		}
		list := l.themes()
		require.Len(t, list, len(builtinIDs)+200)
		require.Equal(t, list[0].Colors, list[len(list)-1].Colors, "what a row does not have is as in the default theme")
		require.Equal(t, 204, l.Call(t, admin("DELETE", themesPath+"/many-7", "")).Status)
		do[themeJSON](l, 201, "POST", themesPath, themeBody("More", nil))
	})
}
