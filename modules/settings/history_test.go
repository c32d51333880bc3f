package settings_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"portico.internal/modules/gatewaytest"
	"portico.internal/platform/testkit"
)

const historyPath = "/api/settings/history"

// change is one of the history.
type change struct {
	ID, Key      string
	Old, New     json.RawMessage
	At           time.Time `json:"changed_at"`
	By           *string   `json:"changed_by"`
	Email        *string   `json:"changed_by_email"`
	RestoredFrom *string   `json:"restored_from"`
}

func history(t *testing.T, g *testkit.Gateway, query string) []change {
	t.Helper()
	return decode[[]change](t, does(t, g, "GET", historyPath+query, ""))
}

// restore brings back a value and returns the change that this is.
func restore(t *testing.T, g *testkit.Gateway, id, body string) change {
	t.Helper()
	return decode[change](t, does(t, g, "POST", historyPath+"/"+id+"/restore", body))
}

func TestHistoryTellsWhoChangedWhatWhen(t *testing.T) {
	eachWithNotes(t, func(t *testing.T, g *testkit.Gateway, _ testkit.Database) {
		const second = "second@example.com"
		made := g.Call(t, admin("POST", "/api/admin/users", `{"email":"`+second+`","password":"`+testkit.Password+`","is_admin":true}`))
		require.Equal(t, 201, made.Status, made.Body)
		person := decode[struct{ ID string }](t, made.Body).ID
		root := decode[struct{ ID string }](t, does(t, g, "GET", "/api/users/me", "")).ID

		require.Equal(t, "[]", does(t, g, "GET", historyPath, ""))
		start := time.Now().Add(-time.Second)
		does(t, g, "PATCH", limitsPath, `{"max_pdf_mb":30}`)
		r := admin("PATCH", "/api/notes/first", `{"title":"<b>","mirror_token":"mirror-token-one"}`)
		r.As = second
		require.Equal(t, 200, g.Call(t, r).Status)

		list := history(t, g, "")
		require.Len(t, list, 2)
		book, limit := list[0], list[1]
		require.Equal(t, "documents.limits", limit.Key)
		require.Equal(t, `{"max_pdf_mb":20}`, string(limit.Old))
		require.Equal(t, `{"max_pdf_mb":30}`, string(limit.New))
		require.Equal(t, root, *limit.By)
		require.Equal(t, gatewaytest.Admin, *limit.Email)
		require.Nil(t, limit.RestoredFrom)

		require.Equal(t, "notes.first", book.Key)
		require.Equal(t, `{"title":"Untitled","size":0,"tags":["new"],"pages":{},"mirror":{"url":"","token":null},"archive":{"url":"","token":null}}`, string(book.Old))
		require.Equal(t, `{"title":"<b>","size":0,"tags":["new"],"pages":{},"mirror":{"url":"","token":"********"},"archive":{"url":"","token":null}}`, string(book.New))
		require.Equal(t, person, *book.By)
		require.Equal(t, second, *book.Email)
		require.NotEqual(t, book.ID, limit.ID)
		for _, c := range list {
			require.WithinRange(t, c.At, start, time.Now().Add(time.Second))
		}

		require.Equal(t, 204, g.Call(t, admin("DELETE", "/api/admin/users/"+person, "")).Status)
		require.Equal(t, list, history(t, g, ""), "who is gone is still named")
	})
}

func TestHistoryOfAKey(t *testing.T) {
	eachWithNotes(t, func(t *testing.T, g *testkit.Gateway, _ testkit.Database) {
		for i, path := range []string{limitsPath, "/api/notes/first", "/api/notes/a_b", "/api/notes/axb", "/api/notes/first"} {
			body := fmt.Sprintf(`{"title":"%d"}`, i)
			if path == limitsPath {
				body = `{"max_pdf_mb":1}`
			}
			does(t, g, "PATCH", path, body)
		}
		all := []string{"notes.first", "notes.axb", "notes.a_b", "notes.first", "documents.limits"}
		for key, want := range map[string][]string{
			"":                 all,
			"notes":            all[:4],
			"notes.first":      {"notes.first", "notes.first"},
			"notes.a_b":        {"notes.a_b"},
			"documents.limits": {"documents.limits"},
			"documents":        {"documents.limits"},
			"note":             {}, "notes.": {}, "Notes": {}, "NOTES.FIRST": {}, "n_tes": {}, "n%": {}, "%": {}, "_____": {}, "notes.%": {}, `notes\`: {}, "' OR 1=1 --": {}, "nötes": {},
		} {
			got := []string{}
			for _, c := range history(t, g, "?key="+url.QueryEscape(key)) {
				got = append(got, c.Key)
			}
			require.Equal(t, want, got, key)
		}
		page := func(query string) (keys []string, total string) {
			r := g.Call(t, admin("GET", historyPath+query, ""))
			require.Equal(t, 200, r.Status, r.Body)
			for _, c := range decode[[]change](t, r.Body) {
				keys = append(keys, c.Key)
			}
			return keys, r.Header.Get("X-Total-Count")
		}
		for query, want := range map[string]struct {
			keys  []string
			total string
		}{
			"?limit=2": {all[:2], "5"}, "?limit=2&offset=2": {all[2:4], "5"}, "?offset=4": {all[4:], "5"}, "?offset=5": {nil, "5"}, "?limit=1000": {all, "5"},
			"?key=notes&limit=1&offset=1": {all[1:2], "4"}, "?key=nobody": {nil, "0"},
		} {
			keys, total := page(query)
			require.Equal(t, want.keys, keys, query)
			require.Equal(t, want.total, total, query)
		}
		for _, query := range []string{"?limit=0", "?limit=1001", "?limit=x", "?offset=-1", "?key=%00", "?key=%ff", "?key=" + strings.Repeat("x", 201)} {
			require.Equal(t, 422, g.Call(t, admin("GET", historyPath+query, "")).Status, query)
		}
	})
}

// Of each key the last 200 changes are kept.
func TestHistoryForgetsTheOldest(t *testing.T) {
	eachWithNotes(t, func(t *testing.T, g *testkit.Gateway, _ testkit.Database) {
		does(t, g, "PATCH", "/api/notes/first", `{"title":"old and alone"}`)
		for size := range 203 {
			does(t, g, "PATCH", "/api/notes/axb", fmt.Sprintf(`{"size":%d}`, size+1))
		}
		list := history(t, g, "?key=notes.axb&limit=1000")
		require.Len(t, list, 200)
		require.Contains(t, string(list[0].New), `"size":203,`)
		require.Contains(t, string(list[199].Old), `"size":3,`)
		require.Len(t, history(t, g, "?key=notes.first"), 1)
		require.Equal(t, "100", fmt.Sprint(len(history(t, g, "?key=notes.axb"))), "unless more are asked for")
	})
}

func TestRestore(t *testing.T) {
	eachWithNotes(t, func(t *testing.T, g *testkit.Gateway, _ testkit.Database) {
		const path = "/api/notes/first"
		does(t, g, "PATCH", path, `{"title":"one","size":1,"pages":{"1":"a"},"mirror_token":"mirror-token-one"}`)
		does(t, g, "PATCH", path, `{"title":"two","size":2,"tags":[],"pages":{"1":"","2":"b"},"mirror_token":"mirror-token-two","archive_token":"archive-token-two"}`)
		list := history(t, g, "")
		second, first := list[0], list[1]

		back := restore(t, g, second.ID, "")
		require.Equal(t, second.ID, *back.RestoredFrom)
		require.Equal(t, gatewaytest.Admin, *back.Email)
		require.NotEqual(t, second.ID, back.ID)
		got := does(t, g, "GET", path, "")
		require.Contains(t, got, `{"title":"one","size":2,"tags":["new"],"pages":{"1":"a"},`, "the old value, adapted by its module")
		require.Equal(t, "mirror-token-two", tokens(t, g, "first")["mirror"].Text, "secrets are those of now")
		require.Equal(t, "archive-token-two", tokens(t, g, "first")["archive"].Text)
		require.Equal(t, []change{back, second, first}, history(t, g, ""))

		again := restore(t, g, second.ID, `{}`)
		require.Equal(t, second, again, "nothing to change: no change is made")
		require.Len(t, history(t, g, ""), 3)

		forth := restore(t, g, second.ID, `{"value":"new"}`)
		require.Equal(t, second.ID, *forth.RestoredFrom)
		require.Contains(t, does(t, g, "GET", path, ""), `{"title":"two","size":2,"tags":[],"pages":{"2":"b"},`)
		undone := restore(t, g, forth.ID, `{"value":"old"}`)
		require.Equal(t, forth.ID, *undone.RestoredFrom, "a restoring can be undone as any change")
		require.Contains(t, does(t, g, "GET", path, ""), `"title":"one"`)
		restore(t, g, first.ID, "")
		require.Contains(t, does(t, g, "GET", path, ""), `{"title":"Untitled","size":2,"tags":["new"],"pages":{},`, "the value before the first change")

		does(t, g, "PATCH", limitsPath, `{"max_pdf_mb":30}`)
		tag := g.Call(t, admin("GET", limitsPath, "")).Header.Get("ETag")
		restore(t, g, history(t, g, "?key=documents")[0].ID, "")
		require.Equal(t, `{"max_pdf_mb":20}`, does(t, g, "GET", limitsPath, ""))
		require.NotEqual(t, tag, g.Call(t, admin("GET", limitsPath, "")).Header.Get("ETag"), "it is a change like any other")
	})
}

func TestWhatCannotBeRestored(t *testing.T) {
	eachWithNotes(t, func(t *testing.T, g *testkit.Gateway, d testkit.Database) {
		does(t, g, "PATCH", "/api/notes/first", `{"title":"torn"}`)
		does(t, g, "PATCH", "/api/notes/first", `{"title":"whole"}`)
		torn := history(t, g, "")[0]
		plant := func(id, key, value string) string {
			require.NoError(t, d.Open(t).Exec("INSERT INTO setting_changes (id, key, old_value, new_value, changed_at) VALUES (?, ?, ?, ?, ?)",
				id, key, value, value, time.Now().UTC().Add(-time.Hour)).Error)
			return id
		}
		gone := plant("00000000-0000-4000-8000-000000000001", "calendar.feed", `{"url":"x"}`)
		below := plant("00000000-0000-4000-8000-000000000002", "notes.first.page", `{}`)
		other := plant("00000000-0000-4000-8000-000000000003", "notes.first", `{"title":["a","b"]}`)
		before := history(t, g, "")
		ask := func(as, id, body string) testkit.Reply {
			return g.Call(t, testkit.Request{Method: "POST", Path: historyPath + "/" + id + "/restore", As: as, Body: body})
		}
		for _, refused := range []struct {
			id, body string
			status   int
			detail   string
		}{
			{torn.ID, "", 400, "That page is torn"},
			{gone, "", 400, "This setting does not exist any more"},
			{below, "", 400, "This setting does not exist any more"},
			{other, "", 400, "The value does not fit this setting any more"},
			{"00000000-0000-4000-8000-000000000000", "", 404, "Change not found"},
			{"no-id", "", 404, "Change not found"},
			{strings.Repeat("x", 2000), "", 404, "Change not found"},
			{torn.ID + "%00", "", 404, "Not Found"},
			{"%ff", "", 404, "Not Found"},
		} {
			r := ask(gatewaytest.Admin, refused.id, refused.body)
			require.Equal(t, refused.status, r.Status, "%s: %s", refused.id, r.Body)
			require.Equal(t, `{"detail":"`+refused.detail+`"}`, r.Body)
		}
		for _, body := range []string{`{"value":"both"}`, `{"value":null}`, `{"value":1}`, `[]`, `{`} {
			require.Equal(t, 422, ask(gatewaytest.Admin, torn.ID, body).Status, body)
		}
		require.Equal(t, before, history(t, g, ""))
		require.Contains(t, does(t, g, "GET", "/api/notes/first", ""), `"title":"whole"`)

		const user = "user@example.com"
		unknown := g.Call(t, testkit.Request{Method: "POST", Path: "/api/nowhere", As: user}).Body
		for _, id := range []string{torn.ID, "no-id"} {
			require.Equal(t, 401, ask("", id, `{`).Status)
			r := ask(user, id, `{`)
			require.Equal(t, 404, r.Status)
			require.Equal(t, unknown, r.Body)
		}
		require.Equal(t, 401, g.Call(t, testkit.Request{Method: "GET", Path: historyPath}).Status)
		require.Equal(t, 404, g.Call(t, testkit.Request{Method: "GET", Path: historyPath, As: user}).Status)
	})
}

// The history has an entity tag of its own.
func TestHistoryIsTagged(t *testing.T) {
	eachWithNotes(t, func(t *testing.T, g *testkit.Gateway, _ testkit.Database) {
		tag := g.Call(t, admin("GET", historyPath, "")).Header.Get("ETag")
		require.NotEmpty(t, tag)
		r := admin("GET", historyPath, "")
		r.Header = map[string][]string{"If-None-Match": {tag}}
		require.Equal(t, 304, g.Call(t, r).Status)
		does(t, g, "PATCH", limitsPath, `{"max_pdf_mb":30}`)
		require.Equal(t, 200, g.Call(t, r).Status)
	})
}
