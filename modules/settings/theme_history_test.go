package settings_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"portico.internal/modules/gatewaytest"
	"portico.internal/platform/testkit"
)

type recorded struct {
	ID, Key      string
	Old, New     json.RawMessage
	Email        string  `json:"changed_by_email"`
	RestoredFrom *string `json:"restored_from"`
}

// history is what has been recorded under a key, newest first.
func (l *look) history(key string) []recorded {
	l.t.Helper()
	return do[[]recorded](l, 200, "GET", "/api/settings/history?key="+key, "")
}

func (l *look) restore(status int, change recorded, which string) recorded {
	l.t.Helper()
	return do[recorded](l, status, "POST", "/api/settings/history/"+change.ID+"/restore", `{"value":"`+which+`"}`)
}

func (l *look) house() themeJSON {
	l.t.Helper()
	theme := l.themes()[len(builtinIDs)]
	require.Equal(l.t, "house", theme.ID)
	return theme
}

func TestThemesAreRestored(t *testing.T) {
	eachLook(t, func(l *look) {
		do[themeJSON](l, 201, "POST", themesPath, themeBody("House", nil))
		first := l.house()
		do[themeJSON](l, 200, "PATCH", themesPath+"/house", `{"label":"Hearth","colors":{"dark":{"danger":"#f00"}}}`)
		second := l.house()
		do[themeJSON](l, 200, "PATCH", themesPath+"/house", `{"label":"Hearth"}`)
		require.Equal(l.t, 422, l.Call(l.t, admin("PATCH", themesPath+"/house", `{"label":""}`)).Status)

		changes := l.history("themes")
		require.Len(l.t, changes, 2, "what changes nothing is no change")
		altered, made := changes[0], changes[1]
		require.Equal(l.t, "themes.house", altered.Key)
		require.Equal(l.t, gatewaytest.Admin, altered.Email)
		require.Equal(l.t, "null", string(made.Old))
		require.Equal(l.t, string(made.New), string(altered.Old))
		require.Regexp(l.t, `^\{"label":"Hearth","colors":\{"light":\{.*"danger":"#f00"\}\}\}$`, string(altered.New))

		restored := l.restore(200, altered, "old")
		require.Equal(l.t, altered.ID, *restored.RestoredFrom)
		require.Equal(l.t, first, l.house())
		l.restore(200, altered, "new")
		require.Equal(l.t, second, l.house())

		// A theme that is gone comes back under its id; the active one that was not there goes as if it were deleted.
		require.Equal(l.t, 204, l.Call(l.t, admin("DELETE", themesPath+"/house", "")).Status)
		require.Len(l.t, l.themes(), len(builtinIDs))
		l.restore(200, altered, "old")
		require.Equal(l.t, first, l.house())
		do[appearanceJSON](l, 200, "PATCH", appearancePath, `{"theme_id":"house"}`)
		undone := l.restore(200, made, "old")
		require.Equal(l.t, [3]string{"themes.house", "null", made.ID}, [3]string{undone.Key, string(undone.New), *undone.RestoredFrom})
		require.Len(l.t, l.themes(), len(builtinIDs))
		require.Equal(l.t, "portico", l.appearance().ThemeID)
		require.Nil(l.t, l.history("appearance")[0].RestoredFrom, "it is a consequence")
		require.Equal(l.t, made.ID, l.restore(200, made, "old").ID, "it is gone already")
		require.Len(l.t, l.history("themes"), 7)
	})
}

func TestAppearanceIsRestored(t *testing.T) {
	eachLook(t, func(l *look) {
		do[themeJSON](l, 201, "POST", themesPath, themeBody("House", nil))
		do[appearanceJSON](l, 200, "PATCH", appearancePath, `{"theme_id":"house","default_mode":"dark"}`)
		do[appearanceJSON](l, 200, "PATCH", appearancePath, `{"theme_id":"ocean"}`)
		changes := l.history("appearance")
		require.Len(l.t, changes, 2)
		require.JSONEq(l.t, `{"theme_id":"portico","default_mode":"system"}`, string(changes[1].Old))
		require.JSONEq(l.t, `{"theme_id":"house","default_mode":"dark"}`, string(changes[1].New))

		restored := l.restore(200, changes[1], "new")
		require.Equal(l.t, changes[1].ID, *restored.RestoredFrom)
		require.Equal(l.t, "house", l.active())
		require.Contains(l.t, l.Call(l.t, testkit.Request{Method: "GET", Path: publicPath}).Body, `"default_mode":"dark","theme":{"id":"house"`)
		l.restore(200, changes[1], "old")
		require.Equal(l.t, appearanceJSON{"portico", "system", l.appearance().Theme}, l.appearance())

		require.Equal(l.t, 204, l.Call(l.t, admin("DELETE", themesPath+"/house", "")).Status)
		tag := l.tag(appearancePath)
		gone := l.Call(l.t, admin("POST", "/api/settings/history/"+changes[1].ID+"/restore", `{"value":"new"}`))
		require.Equal(l.t, 400, gone.Status)
		require.Equal(l.t, `{"detail":"There is no such theme"}`, gone.Body)
		require.Equal(l.t, tag, l.tag(appearancePath))
	})
}

// What an older version of the program has recorded may name a built-in theme of this one, and fewer tokens.
func TestThemesOfOldVersionsAreRestored(t *testing.T) {
	testkit.Migrated(gatewaytest.Plan(t)).Each(t, func(t *testing.T, d testkit.Database) {
		l := &look{gatewaytest.Start(t, gatewaytest.Spec(), d, nil), t}
		do[themeJSON](l, 201, "POST", themesPath, themeBody("House", nil))
		db := d.Open(t)
		made := l.history("themes")[0]
		require.NoError(t, db.Exec(`UPDATE setting_changes SET new_value = '{"label":"Old","colors":{"light":{"primary":"#123456"}}}'`).Error)
		l.restore(200, made, "new")
		got := l.house()
		require.Equal(t, "Old", got.Label)
		require.Equal(t, "#123456", got.Colors["light"]["primary"])
		require.Equal(t, l.themes()[0].Colors["dark"], got.Colors["dark"])

		require.NoError(t, db.Exec(`UPDATE setting_changes SET key = 'themes.plum'`).Error)
		for _, which := range []string{"old", "new"} {
			r := l.Call(t, admin("POST", "/api/settings/history/"+made.ID+"/restore", `{"value":"`+which+`"}`))
			require.Equal(t, 400, r.Status, r.Body)
			require.True(t, strings.Contains(r.Body, "A built-in theme has this id now"), r.Body)
		}
		require.Len(t, l.themes(), len(builtinIDs)+1)
	})
}
