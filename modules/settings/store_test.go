package settings_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"portico.internal/modules/gatewaytest"
	"portico.internal/platform/testkit"
)

const untouched = `{"title":"Untitled","size":0,"tags":["new"],"pages":{},"url":"","mirror_token":null,"archive_token":null}`

// A module keeps settings in the store with no word about it in this one.
func TestOtherModulesKeepSettings(t *testing.T) {
	eachWithNotes(t, func(t *testing.T, g *testkit.Gateway, _ testkit.Database) {
		const path = "/api/notes/first"
		require.Equal(t, untouched, does(t, g, "GET", path, ""))
		require.Equal(t, untouched, does(t, g, "PATCH", path, `{}`))
		changed := `{"title":"Log","size":9007199254740993,"tags":[],"pages":{"1":"<a> & b"},"url":"https://notes.example.com","mirror_token":"********-one","archive_token":null}`
		require.JSONEq(t, changed, does(t, g, "PATCH", path,
			`{"title":"Log","size":9007199254740993,"tags":[],"pages":{"1":"<a> & b"},"url":"https://notes.example.com","mirror_token":"mirror-token-one"}`))
		require.Contains(t, does(t, g, "GET", path, ""), `9007199254740993`, "no digit is lost on the way")
		for _, view := range []string{path, path + "/recent"} {
			require.JSONEq(t, changed, does(t, g, "GET", view, ""))
		}
		require.Equal(t, map[string]opened{"mirror": {Text: "mirror-token-one"}, "archive": {}}, tokens(t, g, "first"))
		require.Equal(t, untouched, does(t, g, "GET", "/api/notes/a_b", ""), "settings share nothing, not even what they begin with")

		require.Contains(t, does(t, g, "PATCH", path, `{"size":9007199254740992}`), `9007199254740992`, "the least difference is one")
		require.Contains(t, does(t, g, "PATCH", path, `{"pages":{"1":"","2":"b"}}`), `"pages":{"2":"b"}`)
		require.Contains(t, does(t, g, "GET", path, ""), `"pages":{"2":"b"}`, "what is taken out of a map is gone")
		require.Contains(t, does(t, g, "PATCH", path, `{"mirror_token":null}`), `"mirror_token":null`)
		require.Equal(t, opened{}, tokens(t, g, "first")["mirror"])
	})
}

// Whatever is changed at the same time, on whatever replica, is changed.
func TestConcurrentChangesOfDifferentFieldsAllSurvive(t *testing.T) {
	testkit.Migrated(gatewaytest.Plan(t)).Each(t, func(t *testing.T, d testkit.Database) {
		replicas := gatewaytest.Replicas(t, gatewaytest.Spec(withNotesAlone), d, map[string]string{"PORTICO_SECRET_KEY": keyA, "PORTICO_SERVICE_TOKEN": serviceToken})
		for round := range *gatewaytest.Rounds {
			fields := []string{
				`"title":"round %d"`, `"size":%d`, `"tags":["%d"]`, `"url":"https://%d.example.com"`, `"mirror_token":"mirror-%d"`, `"archive_token":"archive-%d"`,
			}
			for page := len(fields); page < 20; page++ {
				fields = append(fields, fmt.Sprintf(`"pages":{"%d":"round %%d"}`, page))
			}
			var requests []testkit.Request
			for _, field := range fields {
				requests = append(requests, admin("PATCH", "/api/notes/first", fmt.Sprintf("{"+field+"}", round)))
			}
			require.Equal(t, map[int]int{200: 20}, gatewaytest.Rush(t, replicas, requests))

			g := replicas[0]
			body := does(t, g, "GET", "/api/notes/first", "")
			got := decode[struct {
				Title, URL string
				Size       int
				Tags       []string
				Pages      map[string]string
			}](t, body)
			name := fmt.Sprintf("round %d", round)
			require.Equal(t, name, got.Title)
			require.Equal(t, round, got.Size)
			require.Equal(t, []string{fmt.Sprint(round)}, got.Tags)
			require.Equal(t, fmt.Sprintf("https://%d.example.com", round), got.URL)
			require.Len(t, got.Pages, 14)
			for page, text := range got.Pages {
				require.Equal(t, name, text, page)
			}
			require.Equal(t, map[string]opened{"mirror": {Text: fmt.Sprintf("mirror-%d", round)}, "archive": {Text: fmt.Sprintf("archive-%d", round)}}, tokens(t, g, "first"))
		}
		version := row(t, d.Open(t), "notes.first").Version
		changes := history(t, replicas[0], "?key=notes.first&limit=1000")
		require.LessOrEqual(t, len(changes), int(version))
		if *gatewaytest.Rounds <= 10 { // else the oldest are gone
			require.Len(t, changes, int(version), "each change counts and is told of once")
		}
	})
}

// stored is a row of settings.
type stored struct {
	Value   string
	Version int64
}

func row(t *testing.T, db *gorm.DB, key string) (s stored) {
	t.Helper()
	require.NoError(t, db.Table("settings").Select("value, version").Where("key = ?", key).Take(&s).Error)
	return s
}

// What a newer version of the program has stored is still there when it comes back.
func TestDocumentsOfOtherVersions(t *testing.T) {
	eachWithNotes(t, func(t *testing.T, g *testkit.Gateway, d testkit.Database) {
		db := d.Open(t)
		const path = "/api/notes/first"
		does(t, g, "PATCH", path, `{"title":"Log","tags":["a","b"],"mirror_token":"mirror-token-one"}`)
		put := func(value string) {
			require.NoError(t, db.Exec("UPDATE settings SET value = ? WHERE key = 'notes.first'", value).Error)
		}
		put(`{"title":"Log","pages":{"1":"a"},"mirror":{"url":"u","region":"eu","limits":{"most":9007199254740993}},"binding":{"color":"red"},"copies":[1,{"a":null}]}`)
		body := does(t, g, "GET", path, "")
		require.Contains(t, body, `"tags":["new"]`, "what is not there is what the program says")
		require.Contains(t, body, `"url":"u","mirror_token":"********-one"`)

		does(t, g, "PATCH", path, `{"url":"v","pages":{"1":"","2":"b"}}`)
		after := row(t, db, "notes.first").Value
		require.JSONEq(t, `{"title":"Log","size":0,"tags":["new"],"pages":{"2":"b"},"mirror":{"url":"v","token":null,"region":"eu","limits":{"most":9007199254740993}},
			"archive":{"url":"","token":null},"binding":{"color":"red"},"copies":[1,{"a":null}]}`, after)
		require.Contains(t, after, "9007199254740993")
		require.True(t, json.Valid([]byte(after)))

		put(`{"mirror":7}`)
		require.Equal(t, 500, g.Call(t, admin("GET", path, "")).Status)
		require.Equal(t, 500, g.Call(t, admin("PATCH", path, `{"title":"x"}`)).Status)
		require.JSONEq(t, `{"mirror":7}`, row(t, db, "notes.first").Value, "what cannot be read is not written over")
		require.Equal(t, untouched, does(t, g, "GET", "/api/notes/a_b", ""))

		require.NoError(t, db.Exec("DELETE FROM settings").Error)
		require.Equal(t, untouched, does(t, g, "GET", path, ""), "changes have left the fallback alone")
	})
}

// What is refused, or changes nothing, leaves no trace.
func TestNothingIsStoredOfWhatFails(t *testing.T) {
	eachWithNotes(t, func(t *testing.T, g *testkit.Gateway, d testkit.Database) {
		db := d.Open(t)
		const path = "/api/notes/first"
		does(t, g, "PATCH", path, `{"title":"Log","mirror_token":"mirror-token-one"}`)
		before := row(t, db, "notes.first")
		attempt := func(status int, body string, header http.Header) {
			t.Helper()
			r := admin("PATCH", path, body)
			r.Header = header
			reply := g.Call(t, r)
			require.Equal(t, status, reply.Status, reply.Body)
		}
		attempt(400, `{"title":"refused","mirror_token":"mirror-token-two"}`, nil)
		attempt(412, `{"title":"late","mirror_token":"mirror-token-two"}`, http.Header{"If-Match": {`"0-0000000000000000"`}})
		attempt(422, `{"title":7}`, nil)
		attempt(200, `{}`, nil)
		attempt(200, `{"title":"Log","tags":["new"],"pages":{"1":""}}`, nil)
		require.Equal(t, before, row(t, db, "notes.first"))
		require.Equal(t, opened{Text: "mirror-token-one"}, tokens(t, g, "first")["mirror"])
		require.Len(t, history(t, g, ""), 1)
	})
}
