package settings_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"portico.internal/platform/testkit"
)

func TestThemeIsDuplicated(t *testing.T) {
	eachLook(t, func(l *look) {
		for _, c := range []struct{ of, body, id, label string }{
			{"ocean", "", "ocean-copy", "Ocean copy"},
			{"ocean", "{}", "ocean-copy-2", "Ocean copy"},
			{"ocean", `{"label":" Sea "}`, "sea", "Sea"},
			{"sea", "", "sea-copy", "Sea copy"},
			{"sea", `{"label":"` + strings.Repeat("s", 64) + `"}`, strings.Repeat("s", 64), strings.Repeat("s", 64)},
			{strings.Repeat("s", 64), "", strings.Repeat("s", 59) + "-copy", strings.Repeat("s", 59) + " copy"},
		} {
			made := do[themeJSON](l, 201, "POST", themesPath+"/"+c.of+"/duplicate", c.body)
			require.Equal(l.t, c.id, made.ID)
			require.Equal(l.t, c.label, made.Label)
			require.False(l.t, made.IsBuiltin)
			require.False(l.t, made.IsActive)
			require.Empty(l.t, made.Warnings)
			require.Equal(l.t, l.themes()[3].Colors, made.Colors)
		}
		for _, body := range []string{`{"label":null}`, `{"label":""}`, `{"label":7}`, `[]`} {
			require.Equal(l.t, 422, l.Call(l.t, admin("POST", themesPath+"/ocean/duplicate", body)).Status, body)
		}
		require.Equal(l.t, 200, l.Call(l.t, admin("PATCH", themesPath+"/ocean-copy", `{"colors":{"light":{"primary":"#000"}}}`)).Status)
		require.NotEqual(l.t, "#000", l.themes()[3].Colors["light"]["primary"], "a copy is its own")
	})
}

func TestThemeTravels(t *testing.T) {
	eachLook(t, func(l *look) {
		do[themeJSON](l, 201, "POST", themesPath, themeBody("Crème & Café", map[string]string{"light.accent": "#abc"}))
		for _, id := range []string{"creme-cafe", "graphite"} {
			exported := l.Call(l.t, admin("GET", themesPath+"/"+id+"/export", ""))
			require.Equal(l.t, 200, exported.Status)
			require.Equal(l.t, `attachment; filename=`+id+`.theme.json`, exported.Header.Get("Content-Disposition"))
			require.Equal(l.t, "application/json", exported.Header.Get("Content-Type"))
			require.Regexp(l.t, `^\{"portico_theme":1,"label":"[^"]+","colors":\{"light":\{"primary":`, exported.Body)
			made := do[themeJSON](l, 201, "POST", themesPath+"/import", exported.Body)
			require.Equal(l.t, id+"-2", made.ID)
			require.False(l.t, made.IsBuiltin)
			again := l.Call(l.t, admin("GET", themesPath+"/"+made.ID+"/export", ""))
			require.Equal(l.t, exported.Body, again.Body)
			for from, to := range map[string]string{`"portico_theme":1`: `"portico_theme":2`, `{"portico_theme":1,`: `{`, `{"portico`: `{"id":"graphite","portico`,
				`"portico_theme":1,`: `"portico_theme":"1",`, `"colors":{`: `"is_active":true,"colors":{`} {
				r := l.Call(l.t, admin("POST", themesPath+"/import", strings.Replace(exported.Body, from, to, 1)))
				require.Equal(l.t, 422, r.Status, "%s: %s", to, r.Body)
			}
		}
		require.Len(l.t, l.themes(), len(builtinIDs)+3)
	})
}

func TestPoorContrastIsToldAndTaken(t *testing.T) {
	eachLook(t, func(l *look) {
		poor := map[string]string{"light.muted": "#777777", "light.surface": "#ffffff", "light.background": "#fff", "dark.on_primary": "#eee"}
		r := l.Call(l.t, admin("POST", themesPath, themeBody("Mist", poor)))
		require.Equal(l.t, 201, r.Status)
		warnings := `"warnings":[{"mode":"light","foreground":"muted","background":"surface","ratio":4.47,"required":4.5},` +
			`{"mode":"light","foreground":"muted","background":"background","ratio":4.47,"required":4.5},` +
			`{"mode":"dark","foreground":"on_primary","background":"primary","ratio":1.01,"required":4.5}]}`
		require.True(l.t, strings.HasSuffix(r.Body, warnings), r.Body)
		for _, again := range []testkit.Request{
			admin("POST", themesPath+"/mist/duplicate", ""), admin("PATCH", themesPath+"/mist", `{}`),
			admin("POST", themesPath+"/import", l.Call(l.t, admin("GET", themesPath+"/mist/export", "")).Body),
		} {
			reply := l.Call(l.t, again)
			require.True(l.t, strings.HasSuffix(reply.Body, warnings), reply.Body)
		}
		fine := l.Call(l.t, admin("PATCH", themesPath+"/mist", `{"colors":{"light":{"muted":"#767676"},"dark":{"on_primary":"#000"}}}`))
		require.True(l.t, strings.HasSuffix(fine.Body, `"warnings":[]}`), fine.Body)
		require.NotContains(l.t, l.Call(l.t, admin("GET", themesPath, "")).Body, "warnings")
	})
}
