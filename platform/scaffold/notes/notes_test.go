package notes_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"portico.internal/modules/gatewaytest"
	"portico.internal/platform/testkit"

	"portico.internal/platform/scaffold/notes"
)

const (
	root     = gatewaytest.Admin
	ann      = "ann@example.com"
	bob      = "bob@example.com"
	items    = "/api/notes"
	settings = "/api/settings/notes"
)

func call(method, path, as string, body ...string) testkit.Request {
	return testkit.Request{Method: method, Path: path, As: as, Body: strings.Join(body, "")}
}

// each runs the test with a gateway that has the module, on a database of each kind.
func each(t *testing.T, run func(t *testing.T, g *testkit.Gateway)) {
	t.Helper()
	gatewaytest.EachSpec(t, gatewaytest.Spec(notes.Module), nil, run)
}

func create(t *testing.T, g *testkit.Gateway, as, title string) string {
	t.Helper()
	r := g.Call(t, call("POST", items, as, `{"title":"`+title+`"}`))
	require.Equal(t, 201, r.Status, r.Body)
	var made struct{ ID string }
	require.NoError(t, json.Unmarshal([]byte(r.Body), &made), r.Body)
	require.NotEmpty(t, made.ID)
	return made.ID
}

func TestItems(t *testing.T) {
	each(t, func(t *testing.T, g *testkit.Gateway) {
		g.Run(t,
			testkit.Scenario{Name: "nobody", Request: call("GET", items, ""), Status: 401},
			testkit.Scenario{Name: "none yet", Request: call("GET", items, ann), Status: 200, Want: []string{`[]`}},
		)
		first := create(t, g, ann, " <b>Tea</b>\u200b ")
		create(t, g, ann, "Coffee")
		g.Run(t,
			testkit.Scenario{Name: "all, the oldest first", Request: call("GET", items, ann), Status: 200, Want: []string{`[{"id":"` + first + `","title":"Tea","created_at":"`, `"title":"Coffee"`}, Not: []string{"user_id", "<b>"}},
			testkit.Scenario{Name: "looked for", Request: call("GET", items+"?q=cof&sort=-title&limit=1", ann), Status: 200, Want: []string{"Coffee"}, Not: []string{"Tea"}},
			testkit.Scenario{Name: "unknown order", Request: call("GET", items+"?sort=user_id", ann), Status: 422},
			testkit.Scenario{Name: "empty", Request: call("POST", items, ann, `{"title":" \u200b"}`), Status: 422, Want: []string{`"loc":["body","title"]`}},
			testkit.Scenario{Name: "too long", Request: call("POST", items, ann, `{"title":"`+strings.Repeat("ä", 201)+`"}`), Status: 422, Want: []string{"at most 200 characters"}},
			testkit.Scenario{Name: "null", Request: call("POST", items, ann, `{"title":null}`), Status: 422},
			testkit.Scenario{Name: "another has his own", Request: call("GET", items, bob), Status: 200, Want: []string{`[]`}},
			testkit.Scenario{Name: "and cannot reach hers", Request: call("DELETE", items+"/"+first, bob), Status: 404, Want: []string{`{"detail":"Item not found"}`}},
			testkit.Scenario{Name: "no id", Request: call("DELETE", items+"/x", ann), Status: 404, Want: []string{`{"detail":"Item not found"}`}},
			testkit.Scenario{Name: "deleted", Request: call("DELETE", items+"/"+first, ann), Status: 204},
			testkit.Scenario{Name: "once", Request: call("DELETE", items+"/"+first, ann), Status: 404},
			testkit.Scenario{Name: "the other stays", Request: call("GET", items, ann), Status: 200, Want: []string{"Coffee"}, Not: []string{first}},
		)
		require.Contains(t, g.Log.String(), `"item_id":"`+first+`"`)
		g.Run(t, testkit.Scenario{Name: "it is recorded", Request: call("GET", "/api/admin/audit?target_id="+first, root), Status: 200,
			Want: []string{`"action":"notes.created"`, `"action":"notes.deleted"`, `"name":"ann@example.com"`}, Not: []string{"Tea"}})
	})
}

func TestLimits(t *testing.T) {
	each(t, func(t *testing.T, g *testkit.Gateway) {
		tag := g.Call(t, call("GET", settings, root)).Header.Get("ETag")
		stale := call("PATCH", settings, root, `{"max_title":9}`)
		stale.Header = http.Header{"If-Match": {tag}}
		g.Run(t,
			testkit.Scenario{Name: "not for users", Request: call("GET", settings, ann), Status: 404, Want: []string{`{"detail":"Not Found"}`}},
			testkit.Scenario{Name: "at first", Request: call("GET", settings, root), Status: 200, Want: []string{`{"max_title":80}`}},
			testkit.Scenario{Name: "0", Request: call("PATCH", settings, root, `{"max_title":0}`), Status: 422},
			testkit.Scenario{Name: "201", Request: call("PATCH", settings, root, `{"max_title":201}`), Status: 422},
			testkit.Scenario{Name: "set", Request: call("PATCH", settings, root, `{"max_title":3}`), Status: 200, Want: []string{`{"max_title":3}`}},
			testkit.Scenario{Name: "somebody was faster", Request: stale, Status: 412},
			testkit.Scenario{Name: "it holds", Request: call("POST", items, ann, `{"title":"four"}`), Status: 400, Want: []string{`{"detail":"Title must have at most 3 characters"}`}},
			testkit.Scenario{Name: "in characters", Request: call("POST", items, ann, `{"title":"äöü"}`), Status: 201},
			testkit.Scenario{Name: "it is in the history", Request: call("GET", "/api/settings/history", root), Status: 200, Want: []string{"notes.limits"}},
		)
	})
}

// What belongs to a user goes with the user.
func TestItemsGoWithTheirUser(t *testing.T) {
	each(t, func(t *testing.T, g *testkit.Gateway) {
		create(t, g, ann, "Tea")
		var me struct{ ID string }
		require.NoError(t, json.Unmarshal([]byte(g.Call(t, call("GET", "/api/users/me", ann)).Body), &me))
		require.Equal(t, 204, g.Call(t, call("DELETE", "/api/admin/users/"+me.ID, root)).Status)
		g.Forget(ann)
		require.Equal(t, "[]", g.Call(t, call("GET", items, ann)).Body)
	})
}
