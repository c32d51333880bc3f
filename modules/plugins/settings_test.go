package plugins_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"portico.internal/platform/testkit"
)

const settingsPath = "/api/plugins/reports/settings"

// reports is a service with secrets at several depths.
func reports(t testing.TB) *fake {
	f := newFake(t, "reports")
	f.schema = `{"type":"object","additionalProperties":false,"required":["title"],"properties":{
		"title":{"type":"string","maxLength":20},
		"days":{"type":"integer","minimum":1},
		"api_key":{"type":"string","writeOnly":true,"minLength":4},
		"smtp":{"$ref":"#/$defs/smtp"},
		"sources":{"type":"array","items":{"oneOf":[
			{"type":"object","properties":{"id":{"type":"string"},"kind":{"const":"ftp"},"token":{"type":"string","format":"password"}},"required":["kind"]},
			{"type":"object","properties":{"id":{"type":"string"},"kind":{"const":"web"},"url":{"type":"string"}},"required":["kind"]}]}}},
		"$defs":{"smtp":{"type":"object","properties":{"host":{"type":"string"},"password":{"type":"string","format":"password"}}}}}`
	f.settings = `{"title":"Reports","api_key":"canary-key-0001","smtp":{"host":"mail","password":"canary-smtp"},"big":12345678901234567890,
		"sources":[{"id":"a","kind":"ftp","token":"canary-token-a"},{"id":"b","kind":"ftp","token":"canary-token-b"},{"id":"c","kind":"web","url":"x"}],"old_key":"canary-old"}`
	return f
}

const maskedReports = `{"api_key":"********0001","big":"********","old_key":"********","smtp":{"host":"mail","password":"********"},` +
	`"sources":[{"id":"a","kind":"ftp","token":"********en-a"},{"id":"b","kind":"ftp","token":"********en-b"},{"id":"c","kind":"web","url":"x"}],"title":"Reports"}`

func TestSettingsAreMaskedInEveryReply(t *testing.T) {
	f := reports(t)
	before := f.settings
	each(t, func(t *testing.T, g *testkit.Gateway) {
		f.set(func() { f.settings, f.got = before, nil })
		shown := g.Call(t, call("GET", settingsPath, ann))
		require.Equal(t, 200, shown.Status, shown.Body)
		require.Equal(t, maskedReports, shown.Body)
		require.Empty(t, shown.Header.Values("Set-Cookie"))

		// The whole of it comes back: nothing changes.
		r := g.Call(t, call("PATCH", settingsPath, ann, shown.Body))
		require.Equal(t, 200, r.Status, r.Body)
		require.Equal(t, maskedReports, r.Body)
		require.JSONEq(t, before, f.settings)
		require.Contains(t, f.settings, "canary-old")

		r = g.Call(t, call("PATCH", settingsPath, ann, `{"api_key":"fresh-canary-key-0002","smtp":{"host":"post","password":"********"},"old_key":null}`))
		require.Equal(t, 200, r.Status, r.Body)
		require.Contains(t, r.Body, `"api_key":"********0002"`)
		require.Contains(t, r.Body, `"smtp":{"host":"post","password":"********"}`)
		require.NotContains(t, r.Body, "canary")
		require.NotContains(t, r.Body, "old_key")
		require.Contains(t, f.settings, `"password":"canary-smtp"`)

		var patches []string
		for _, call := range f.take() {
			require.Empty(t, call.header.Get("Authorization"))
			if call.method == "PATCH" {
				require.Equal(t, "application/json", call.header.Get("Content-Type"))
				patches = append(patches, call.body)
			}
		}
		require.Equal(t, `{"api_key":"fresh-canary-key-0002","old_key":null,"smtp":{"host":"post"}}`, patches[1])
		require.NotContains(t, g.Log.String(), "canary")
		require.Contains(t, g.Log.String(), `"msg":"plugin settings changed"`)
		require.Contains(t, g.Log.String(), `"keys":["api_key","old_key","smtp"]`)
	}, f.entry())
}

func TestServiceLearnsWhoCalls(t *testing.T) {
	f := reports(t)
	each(t, func(t *testing.T, g *testkit.Gateway) {
		var groups []struct{ ID string }
		require.NoError(t, json.Unmarshal([]byte(g.Call(t, call("GET", "/api/users/me/groups", ann)).Body), &groups))
		for as, want := range map[string]map[string]string{
			ann:  {"X-User-Id": id(t, g.Call(t, call("GET", "/api/users/me", ann))), "X-User-Groups": groups[0].ID, "X-User-Is-Admin": "false", "X-Request-Id": "ask-1"},
			root: {"X-User-Id": id(t, g.Call(t, call("GET", "/api/users/me", root))), "X-User-Groups": "", "X-User-Is-Admin": "true", "X-Request-Id": "ask-1"},
		} {
			f.take()
			r := call("PATCH", settingsPath, as, `{"days":5}`)
			r.Header = http.Header{"X-Request-Id": {"ask-1"}, "X-User-Id": {"root"}, "Cookie": {"a=b"}, "X_user_is_admin": {"true"}, "If-None-Match": {"*"}}
			require.Equal(t, 200, g.Call(t, r).Status)
			got := f.take()
			require.Len(t, got, 2)
			for _, call := range got {
				for name, value := range want {
					require.Equal(t, []string{value}, call.header[name])
				}
				for _, name := range []string{"Authorization", "Cookie", "X_user_is_admin", "If-None-Match", "If-Match"} {
					require.Empty(t, call.header.Values(name))
				}
			}
		}
	}, f.entry())
}

func TestChangesAreValidatedAsAWhole(t *testing.T) {
	f := reports(t)
	before := f.settings
	each(t, func(t *testing.T, g *testkit.Gateway) {
		f.set(func() { f.settings, f.got = before, nil })
		for body, want := range map[string]string{
			`{"title":null}`:             `{"detail":[{"type":"missing","loc":["body","title"],"msg":"Field required","input":{"api_key":"********0001","smtp":{"host":"mail","password":"********"},"sources":[{"id":"a","kind":"ftp","token":"********en-a"},{"id":"b","kind":"ftp","token":"********en-b"},{"id":"c","kind":"web","url":"x"}]}}]}`,
			`{"days":0,"title":7}`:       `{"detail":[{"type":"greater_than_equal","loc":["body","days"],"msg":"Input should be greater than or equal to 1","input":0,"ctx":{"ge":1}},{"type":"string_type","loc":["body","title"],"msg":"Input should be a valid string","input":7}]}`,
			`{"api_key":"no"}`:           `{"detail":[{"type":"string_too_short","loc":["body","api_key"],"msg":"String should have at least 4 characters","input":"********","ctx":{"min_length":4}}]}`,
			`{"new":"hunter2"}`:          `{"detail":[{"type":"extra_forbidden","loc":["body","new"],"msg":"Extra inputs are not permitted","input":"********"}]}`,
			`{"api_key":"********9999"}`: `{"detail":[{"type":"value_error","loc":["body","api_key"],"msg":"Value error, the mask stands for no stored value here; send the value itself","input":null,"ctx":{"error":{}}}]}`,
			`{"sources":[{"id":"d","kind":"ftp","token":"********en-a"}]}`: `{"detail":[{"type":"value_error","loc":["body","sources",0,"token"],"msg":"Value error, the mask stands for no stored value here; send the value itself","input":null,"ctx":{"error":{}}}]}`,
			`["hunter2"]`: `{"detail":[{"type":"model_attributes_type","loc":["body"],"msg":"Input should be a valid dictionary or object to extract fields from","input":"********"}]}`,
			`"hunter2"`:   `{"detail":[{"type":"model_attributes_type","loc":["body"],"msg":"Input should be a valid dictionary or object to extract fields from","input":"********"}]}`,
			`null`:        `{"detail":[{"type":"missing","loc":["body"],"msg":"Field required","input":null}]}`,
			``:            `{"detail":[{"type":"missing","loc":["body"],"msg":"Field required","input":null}]}`,
			strings.Repeat(`{"a":`, 65) + `1` + strings.Repeat(`}`, 65): `{"detail":[{"type":"value_error","loc":["body"],"msg":"Value error, the body is nested too deeply","input":null,"ctx":{"error":{}}}]}`,
			`{"days":1e1000000}`: `{"detail":[{"type":"value_error","loc":["body"],"msg":"Value error, the body holds a number that is too large or too long","input":null,"ctx":{"error":{}}}]}`,
		} {
			r := g.Call(t, call("PATCH", settingsPath, ann, body))
			require.Equal(t, 422, r.Status, "%s: %s", body, r.Body)
			require.Equal(t, want, r.Body, body)
		}
		text := call("PATCH", settingsPath, ann, "hunter2")
		text.Type = "text/plain"
		r := g.Call(t, text)
		require.Equal(t, 422, r.Status)
		require.NotContains(t, r.Body, "hunter2")
		require.Equal(t, 422, g.Call(t, call("PATCH", settingsPath, ann, `{"api_key":"hunter2",}`)).Status)
		require.Equal(t, 413, g.Call(t, call("PATCH", settingsPath, ann, `{"title":"`+strings.Repeat("x", 1<<20)+`"}`)).Status)
		require.JSONEq(t, before, f.settings)
		for _, call := range f.take() {
			require.Equal(t, "GET", call.method, "nothing was sent on")
		}
		require.Equal(t, 200, g.Call(t, call("PATCH", settingsPath, ann, `{}`)).Status)
		require.Len(t, f.take(), 1)
		merge := call("PATCH", settingsPath, ann, `{"days":3}`)
		merge.Type = "application/merge-patch+json"
		require.Equal(t, 200, g.Call(t, merge).Status)
	}, f.entry())
}

func TestSecretsOfListsFollowTheirIDs(t *testing.T) {
	f := reports(t)
	before := f.settings
	each(t, func(t *testing.T, g *testkit.Gateway) {
		f.set(func() { f.settings = before })
		r := g.Call(t, call("PATCH", settingsPath, ann, `{"sources":[{"id":"b","kind":"ftp","token":"********en-b"},{"id":"z","kind":"ftp","token":"canary-token-z"},{"id":"a","kind":"ftp","token":"********en-a"}]}`))
		require.Equal(t, 200, r.Status, r.Body)
		require.NotContains(t, r.Body, "canary")
		require.Contains(t, f.settings, `"sources":[{"id":"b","kind":"ftp","token":"canary-token-b"},{"id":"z","kind":"ftp","token":"canary-token-z"},{"id":"a","kind":"ftp","token":"canary-token-a"}]`)
	}, f.entry())
}

func TestReplyWithoutABodyIsReadAgain(t *testing.T) {
	f := reports(t)
	f.settings = `{"title":"A"}`
	f.instead = func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == "PATCH" {
			f.set(func() { f.settings = `{"title":"B","api_key":"canary-1234567"}` })
			w.WriteHeader(http.StatusNoContent)
		}
		return r.Method == "PATCH"
	}
	each(t, func(t *testing.T, g *testkit.Gateway) {
		r := g.Call(t, call("PATCH", settingsPath, ann, `{"title":"B"}`))
		require.Equal(t, 200, r.Status)
		require.Equal(t, `{"api_key":"********4567","title":"B"}`, r.Body)
	}, f.entry())
}

func TestTagsOfManifestsAndSettings(t *testing.T) {
	f := reports(t)
	each(t, func(t *testing.T, g *testkit.Gateway) {
		for _, path := range []string{"/api/plugins/reports/manifest", settingsPath} {
			first := g.Call(t, call("GET", path, ann))
			require.Equal(t, 200, first.Status)
			again := call("GET", path, ann)
			again.Header = http.Header{"If-None-Match": {first.Header.Get("ETag")}}
			require.Equal(t, 304, g.Call(t, again).Status)
		}
		stale := call("PATCH", settingsPath, ann, `{"title":"New"}`)
		stale.Header = http.Header{"If-Match": {`"0-0123456789abcdef"`}}
		require.Equal(t, 412, g.Call(t, stale).Status)
		stale.Header = http.Header{"If-Match": {`"x", ` + g.Call(t, call("GET", settingsPath, ann)).Header.Get("ETag")}}
		require.Equal(t, 200, g.Call(t, stale).Status)
		stale.Body = `{"title":"Reports"}`
		stale.Header = http.Header{"If-Match": {`*`}}
		require.Equal(t, 200, g.Call(t, stale).Status)
	}, f.entry())
}

func TestManifestIsShown(t *testing.T) {
	f := newFake(t, "reports")
	f.schema = `{"type":"object","properties":{"z":{"type":"string"},"a":{"type":"integer","maximum":1.50}}}`
	each(t, func(t *testing.T, g *testkit.Gateway) {
		r := g.Call(t, call("GET", "/api/plugins/reports/manifest", ann))
		require.Equal(t, `{"id":"reports","name":"Plugin reports","version":"1.0","description":"","icon":"box","required_groups":["staff"],"settings_schema":`+f.schema+`}`, r.Body)
	}, f.entry())
}

// Many change the same list at once: with a service that has entity tags every change survives.
func TestChangesAtOnceDoNotUndoEachOther(t *testing.T) {
	f := newFake(t, "reports")
	f.schema = `{"properties":{"l":{"items":{"properties":{"id":{},"k":{"writeOnly":true}}}}},"additionalProperties":{"type":"integer"}}`
	f.etag = true
	each(t, func(t *testing.T, g *testkit.Gateway) {
		f.set(func() { f.settings, f.changes = `{"l":[{"id":1,"k":"canary-1"}]}`, 0 })
		var wg sync.WaitGroup
		var mu sync.Mutex
		count := map[int]int{}
		for i := range 10 {
			wg.Go(func() {
				r := g.Call(t, call("PATCH", settingsPath, ann, fmt.Sprintf(`{"l":[{"id":1,"k":"********"}],"n%d":%d}`, i, i)))
				mu.Lock()
				defer mu.Unlock()
				count[r.Status]++
			})
		}
		wg.Wait()
		require.Equal(t, 10, count[200]+count[409], "%v", count)
		require.Positive(t, count[200])
		require.Equal(t, count[200], f.changes)
		require.Equal(t, count[200], strings.Count(f.settings, `"n`))
		require.Contains(t, f.settings, `"canary-1"`)
	}, f.entry())
}
