package settings_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"portico.internal/modules/gatewaytest"
	"portico.internal/platform/secrets"
	"portico.internal/platform/testkit"
)

// Keys of no worth anywhere else.
const (
	keyA = "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE="
	keyB = "QkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkI="
	keyC = "Q0NDQ0NDQ0NDQ0NDQ0NDQ0NDQ0NDQ0NDQ0NDQ0NDQ0M="
)

const (
	lostProblem    = "encrypted with a secret key that is not configured any more"
	damagedProblem = "its stored form is damaged"
)

// sealed returns the texts in the database as they are, by setting and field.
func sealed(t *testing.T, db *gorm.DB) map[string]string {
	t.Helper()
	var rows []struct{ SettingKey, Field, Sealed string }
	require.NoError(t, db.Table("setting_secrets").Find(&rows).Error)
	all := map[string]string{}
	for _, r := range rows {
		all[r.SettingKey+" "+r.Field] = r.Sealed
	}
	return all
}

// dump is all that the settings have in the database, and on SQLite the files themselves.
func dump(t *testing.T, d testkit.Database) string {
	t.Helper()
	db := d.Open(t)
	var text strings.Builder
	for _, table := range []string{"settings", "setting_secrets", "setting_changes", "system_prompts", "themes"} {
		var rows []map[string]any
		require.NoError(t, db.Table(table).Find(&rows).Error)
		fmt.Fprintln(&text, rows)
	}
	if path, ok := strings.CutPrefix(d.URL, "sqlite:"); ok {
		for _, name := range []string{path, path + "-wal"} {
			content, err := os.ReadFile(name)
			require.NoError(t, err)
			text.Write(content)
		}
	}
	return text.String()
}

func TestSecretsAreNowhereInClear(t *testing.T) {
	eachWithNotes(t, func(t *testing.T, g *testkit.Gateway, d testkit.Database) {
		const first, second = "c4n4ry-w0rd-the-first", "c4n4ry-w0rd-the-second"
		const path = "/api/notes/first"
		var shown strings.Builder
		for _, r := range []testkit.Request{
			admin("PATCH", path, `{"mirror_token":"`+first+`","archive_token":"`+second+`"}`),
			admin("PATCH", path, `{"mirror_token":"`+second+`"}`),
			admin("PATCH", path, `{"archive_token":null}`),
			admin("PATCH", path, `{"title":7,"mirror_token":"`+first+`"}`),
			admin("PATCH", path, `{"title":"refused","mirror_token":"`+first+`"}`),
			admin("PATCH", path, `{"mirror_token":["`+first+`"]}`),
			admin("GET", path, ""), admin("GET", path+"/recent", ""), admin("GET", "/api/settings/history", ""),
		} {
			fmt.Fprintln(&shown, g.Call(t, r))
		}
		require.Equal(t, map[string]opened{"mirror": {Text: second}, "archive": {}}, tokens(t, g, "first"))
		for _, place := range []string{shown.String(), g.Log.String(), g.Out.String(), dump(t, d)} {
			require.NotContains(t, place, "c4n4ry")
			require.NotContains(t, place, keyA)
		}
		require.Contains(t, shown.String(), `"mirror_token":"********cond"`)
		require.Contains(t, shown.String(), `"token":"********"`, "history tells that there was one, and no more")
		require.NotContains(t, shown.String(), "v1.")
		require.NotContains(t, g.Log.String(), sealed(t, d.Open(t))["notes.first mirror.token"])
	})
}

// The database itself takes nothing but sealed texts.
func TestPlainTextDoesNotGetIntoTheDatabase(t *testing.T) {
	eachWithNotes(t, func(t *testing.T, g *testkit.Gateway, d testkit.Database) {
		db := d.Open(t)
		does(t, g, "PATCH", "/api/notes/first", `{"mirror_token":"mirror-token-one"}`)
		before := sealed(t, db)
		for _, text := range []string{"mirror-token-two", "", "v1.", "v2." + before["notes.first mirror.token"][3:], "v1.0123456789abcde.AAAA", " " + before["notes.first mirror.token"]} {
			require.ErrorIs(t, db.Exec("UPDATE setting_secrets SET sealed = ?", text).Error, gorm.ErrCheckConstraintViolated, text)
			require.ErrorIs(t, db.Exec("INSERT INTO setting_secrets VALUES ('notes.first', 'archive.token', ?)", text).Error, gorm.ErrCheckConstraintViolated, text)
		}
		require.Error(t, db.Exec("UPDATE setting_secrets SET sealed = NULL").Error)
		require.ErrorIs(t, db.Exec("INSERT INTO setting_secrets VALUES ('nobody', 'token', ?)", before["notes.first mirror.token"]).Error, gorm.ErrForeignKeyViolated)
		require.Equal(t, before, sealed(t, db))
	})
}

// A sealed text opens in its own place, as it was sealed; elsewhere or damaged it harms nothing else.
func TestSealedTextsStayWhereTheyAre(t *testing.T) {
	eachWithNotes(t, func(t *testing.T, g *testkit.Gateway, d testkit.Database) {
		db := d.Open(t)
		does(t, g, "PATCH", "/api/notes/first", `{"mirror_token":"mirror-token-one","archive_token":"archive-token-one"}`)
		does(t, g, "PATCH", "/api/notes/a_b", `{"mirror_token":"mirror-token-two"}`)
		text := sealed(t, db)["notes.first mirror.token"]
		last := text[len(text)-1]
		for name, other := range map[string]string{
			"of another place": text, "cut off": text[:len(text)-4], "of no form": text[:20] + "!?" + text[22:], "without content": text[:20],
			"changed": text[:len(text)-1] + string(rune(last^1)), "upper case": strings.ToUpper(text),
		} {
			if name == "upper case" && d.Name == "postgres" {
				continue // where the constraint refuses it
			}
			for _, place := range []string{"setting_key = 'notes.first' AND field = 'archive.token'", "setting_key = 'notes.a_b'"} {
				require.NoError(t, db.Exec("UPDATE setting_secrets SET sealed = ? WHERE "+place, other).Error, name)
			}
			first, second := tokens(t, g, "first"), tokens(t, g, "a_b")
			require.Equal(t, opened{Text: "mirror-token-one"}, first["mirror"], name)
			for _, o := range []opened{first["archive"], second["mirror"]} {
				require.Empty(t, o.Text, name)
				require.Contains(t, o.Problem, damagedProblem, name)
			}
			require.Contains(t, does(t, g, "GET", "/api/notes/first", ""), `"mirror_token":"********-one","archive_token":"********"`)
			require.Contains(t, does(t, g, "PATCH", "/api/notes/first", `{"title":"`+name+`"}`), name)
		}
		does(t, g, "PATCH", "/api/notes/first", `{"archive_token":"archive-token-two"}`)
		require.Equal(t, opened{Text: "archive-token-two"}, tokens(t, g, "first")["archive"], "stored again")
	})
}

// Who has lost a key has lost the secrets, and nothing else.
func TestLostKey(t *testing.T) {
	testkit.Migrated(gatewaytest.Plan(t)).Each(t, func(t *testing.T, d testkit.Database) {
		const path = "/api/notes/first"
		g := startNotes(t, d, keyA)
		does(t, g, "PATCH", path, `{"title":"Log","mirror_token":"mirror-token-one","archive_token":"archive-token-one"}`)
		require.Zero(t, g.Stop(t))

		g = startNotes(t, d, keyB)
		for _, o := range tokens(t, g, "first") {
			require.Empty(t, o.Text)
			require.Contains(t, o.Problem, lostProblem)
			require.Contains(t, o.Problem, "PORTICO_SECRET_KEY")
		}
		require.Contains(t, does(t, g, "GET", path, ""), `"title":"Log"`)
		require.Contains(t, does(t, g, "GET", path, ""), `"mirror_token":"********","archive_token":"********"`)
		require.Contains(t, does(t, g, "PATCH", path, `{"title":"New"}`), `"title":"New"`)
		require.Len(t, history(t, g, "?key=notes"), 2)
		does(t, g, "PATCH", limitsPath, `{"max_pdf_mb":7}`)
		does(t, g, "PATCH", path, `{"archive_token":"archive-token-two"}`)
		require.Equal(t, "archive-token-two", tokens(t, g, "first")["archive"].Text, "stored again")
		require.Equal(t, 200, g.Call(t, admin("GET", "/health/ready", "")).Status)
		require.Zero(t, g.Stop(t))

		g = startNotes(t, d, keyB+",\n"+keyA)
		require.Equal(t, map[string]opened{"mirror": {Text: "mirror-token-one"}, "archive": {Text: "archive-token-two"}}, tokens(t, g, "first"),
			"found again, and listed after the new one")
		does(t, g, "PATCH", path, `{"mirror_token":"mirror-token-two"}`)
		ring, err := secrets.Parse(keyB)
		require.NoError(t, err)
		for name, text := range sealed(t, d.Open(t)) {
			var s secrets.Sealed
			require.NoError(t, s.Scan(text))
			require.True(t, ring.Current(s), "%s: what is stored is sealed with the first key", name)
		}
	})
}
