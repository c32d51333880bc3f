package groups_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"portico.internal/platform/testkit"
)

func post(body string) testkit.Request { return call(root, "POST", admin, body) }

func TestCreate(t *testing.T) {
	each(t, func(h *house) {
		h.Run(h.t,
			testkit.Scenario{Name: "nobody", Request: call("", "POST", admin, `{`), Status: 401},
			testkit.Scenario{Name: "a user", Request: call(ann, "POST", admin, `{`), Status: 404, Want: []string{notFound}},
			testkit.Scenario{Name: "made", Request: post(`{"name":" <b>R&D</b> \u200bTeam ","description":"one\ntwo","id":"x","member_count":7,"name_key":"k","created_at":"2001-01-01T00:00:00Z","updated_at":1}`), Status: 201,
				Want: []string{`"name":"R&D Team","description":"one\ntwo","created_at":"20`, `Z","member_count":0}`}, Not: []string{`"x"`, "name_key", "sort_name", "updated_at", "2001"}},
			testkit.Scenario{Name: "no description", Request: post(`{"name":"Zoo","description":null}`), Status: 201, Want: []string{`"description":null`}},
			testkit.Scenario{Name: "an empty one", Request: post(`{"name":"Yard","description":""}`), Status: 201, Want: []string{`"description":""`}},
			testkit.Scenario{Name: "the longest", Request: post(`{"name":"` + strings.Repeat("ﬃ", 128) + `","description":"` + strings.Repeat("ä", 512) + `"}`), Status: 201},
		)
		h.group("Straße")
		h.group("Ödön")
		for _, same := range []string{"straße", "STRASSE", "strasse", "  Strasse\t", "O\u0308do\u0308n", "ÖDÖN", "r&d team", "R&D \u200bTEAM"} {
			h.refused(400, "Group name already exists", post(fmt.Sprintf(`{"name":%q}`, same)))
		}
		for _, other := range []string{"Stra se", "Strass", "str_sse", "%", "Ödon"} {
			h.group(other)
		}
		for body, want := range map[string]string{
			`{}`:                        `"loc":["body","name"],"msg":"Field required"`,
			`{"name":null}`:             `string_type`,
			`{"name":7}`:                `string_type`,
			`{"name":""}`:               `{"type":"string_too_short","loc":["body","name"],"msg":"String should have at least 1 character","input":"","ctx":{"min_length":1}}`,
			`{"name":" \u200b<i></i>"}`: `string_too_short`,
			`{"name":"a\u0000b"}`:       `NUL`,
			`{"name":"` + strings.Repeat("ä", 129) + `"}`:                   `at most 128 characters`,
			`{"name":"a","description":"` + strings.Repeat("ä", 513) + `"}`: `"loc":["body","description"],"msg":"String should have at most 512 characters"`,
			`{"name":"a","description":[]}`:                                 `string_type`,
			`{"name":"a","name":"b"}`:                                       `Duplicate object key`,
			``:                                                              `"loc":["body"]`,
		} {
			h.Run(h.t, testkit.Scenario{Name: "refused " + body[:min(len(body), 30)], Request: post(body), Status: 422, Want: []string{want}})
		}
	})
}

func TestListOfGroups(t *testing.T) {
	each(t, func(h *house) {
		require.Equal(t, "[]", h.Call(h.t, call(root, "GET", admin)).Body)
		crew, art, zoo := h.group("crew"), h.group("Art"), h.group("Zoo_1")
		h.group("éclair")
		h.join(zoo, h.user(ann))
		h.join(zoo, h.user(bob))
		h.join(crew, h.user(ann))

		names := func(query string) (list []string, total string) {
			r := h.Call(h.t, call(root, "GET", admin+query))
			require.Equal(h.t, 200, r.Status, r.Body)
			for _, g := range must[[]group](h, 200, call(root, "GET", admin+query)) {
				list = append(list, g.Name)
			}
			return list, r.Header.Get("X-Total-Count")
		}
		for _, c := range []struct {
			query, total string
			want         []string
		}{
			{"", "4", []string{"Art", "crew", "Zoo_1", "éclair"}},
			{"?sort=-name", "4", []string{"éclair", "Zoo_1", "crew", "Art"}},
			{"?sort=created_at", "4", []string{"crew", "Art", "Zoo_1", "éclair"}},
			{"?sort=-member_count&limit=2", "4", []string{"Zoo_1", "crew"}},
			{"?limit=1&offset=1", "4", []string{"crew"}},
			{"?offset=3", "4", []string{"éclair"}},
			{"?offset=4&limit=2", "4", nil},
			{"?q=R&limit=1", "3", []string{"Art"}},
			{"?q=_", "1", []string{"Zoo_1"}},
			{"?q=%25", "0", nil},
			{"?q=%C3%89CL", "1", []string{"éclair"}},
			{"?q=e%CC%81CL", "1", []string{"éclair"}},
		} {
			list, total := names(c.query)
			require.Equal(h.t, c.want, list, c.query)
			require.Equal(h.t, c.total, total, c.query)
		}
		h.Run(h.t,
			testkit.Scenario{Request: call(root, "GET", admin+"?q=art"), Status: 200, Want: []string{`[{"id":"` + art + `","name":"Art","description":null,"created_at":"`, `Z","member_count":0}]`}, Not: []string{"sort_name", "listing"}},
			testkit.Scenario{Request: call(root, "GET", admin+"?sort=name_key"), Status: 422, Want: []string{
				`{"type":"literal_error","loc":["query","sort"],"msg":"Input should be 'created_at', '-created_at', 'member_count', '-member_count', 'name' or '-name'","input":"name_key"`}},
			testkit.Scenario{Request: call(root, "GET", admin+"?limit=0"), Status: 422, Want: []string{`["query","limit"]`}},
			testkit.Scenario{Request: call(root, "GET", admin+"?limit=1001"), Status: 422, Want: []string{`["query","limit"]`}},
			testkit.Scenario{Request: call(root, "GET", admin+"?offset=-1"), Status: 422, Want: []string{`["query","offset"]`}},
			testkit.Scenario{Request: call(root, "GET", admin+"?q="+strings.Repeat("x", 201)), Status: 422, Want: []string{`["query","q"]`}},
			testkit.Scenario{Request: call(ann, "GET", admin+"?limit=0"), Status: 404, Want: []string{notFound}},
			testkit.Scenario{Request: call("", "GET", admin), Status: 401},
		)
	})
}

func TestUpdate(t *testing.T) {
	each(t, func(h *house) {
		id := must[group](h, 201, post(`{"name":"Crew","description":"All of us"}`)).ID
		h.group("Zoo")
		path := admin + "/" + id
		same := `{"id":"` + id + `","name":"Crew","description":"All of us","created_at":"`
		patch := func(body string) testkit.Request { return call(root, "PATCH", path, body) }
		h.Run(h.t,
			testkit.Scenario{Name: "nothing", Request: patch(`{}`), Status: 200, Want: []string{same}},
			testkit.Scenario{Name: "what it does not have", Request: patch(`{"id":"x","member_count":9,"created_at":null,"updated_at":null,"name_key":"zoo"}`), Status: 200, Want: []string{same, `"member_count":0`}},
			testkit.Scenario{Name: "null clears", Request: patch(`{"description":null}`), Status: 200, Want: []string{`"name":"Crew","description":null`}},
			testkit.Scenario{Name: "empty is a value", Request: patch(`{"description":""}`), Status: 200, Want: []string{`"description":""`}},
			testkit.Scenario{Name: "absent keeps", Request: patch(`{"name":"Team"}`), Status: 200, Want: []string{`"name":"Team","description":""`}},
			testkit.Scenario{Name: "its own name in another case", Request: patch(`{"name":"TEAM"}`), Status: 200, Want: []string{`"name":"TEAM"`}},
			testkit.Scenario{Name: "the name of another", Request: patch(`{"name":" ZOO ","description":"lost"}`), Status: 400, Want: []string{`{"detail":"Group name already exists"}`}},
			testkit.Scenario{Name: "and nothing has changed", Request: patch(`{}`), Status: 200, Want: []string{`"name":"TEAM","description":""`}},
			testkit.Scenario{Name: "no name", Request: patch(`{"name":null}`), Status: 422, Want: []string{`string_type`}},
			testkit.Scenario{Name: "an empty one", Request: patch(`{"name":""}`), Status: 422, Want: []string{`string_too_short`}},
			testkit.Scenario{Name: "false", Request: patch(`{"name":false}`), Status: 422},
			testkit.Scenario{Name: "a list", Request: patch(`{"description":[]}`), Status: 422},
			testkit.Scenario{Name: "no body", Request: patch(``), Status: 422},
			testkit.Scenario{Name: "null", Request: patch(`null`), Status: 422},
			testkit.Scenario{Name: "unknown", Request: call(root, "PATCH", admin+"/"+nobody, `{}`), Status: 404, Want: []string{`{"detail":"Group not found"}`}},
			testkit.Scenario{Name: "no id", Request: call(root, "PATCH", admin+"/"+strings.Repeat("x", 300), `{}`), Status: 404, Want: []string{`{"detail":"Group not found"}`}},
			testkit.Scenario{Name: "a user", Request: call(ann, "PATCH", path, `{`), Status: 404, Want: []string{notFound}},
			testkit.Scenario{Name: "nobody", Request: call("", "PATCH", path, `{`), Status: 401},
		)
		h.group("Crew") // the name is free again
	})
}

func TestDelete(t *testing.T) {
	each(t, func(h *house) {
		id, annID := h.group("Crew"), h.user(ann)
		h.join(id, annID)
		require.Contains(h.t, h.Call(h.t, call(ann, "GET", "/api/users/me/groups")).Body, id)
		h.refused(404, "Not Found", call(ann, "DELETE", admin+"/"+id))
		h.gone(call(root, "DELETE", admin+"/"+id))
		require.Equal(h.t, "[]", h.Call(h.t, call(ann, "GET", "/api/users/me/groups")).Body)
		for _, path := range []string{id, nobody, "x", "%00", "%ff", strings.Repeat("9", 100)} {
			r := h.Call(h.t, call(root, "DELETE", admin+"/"+path))
			require.Equal(h.t, 404, r.Status, "%s: %s", path, r.Body)
		}
		h.refused(404, "Group not found", call(root, "GET", admin+"/"+id))
		h.refused(404, "Group not found", call(root, "POST", memberPath(id, annID)))
		h.refused(404, "Group not found", call(root, "DELETE", memberPath(id, annID)))
		h.join(h.group("Crew"), annID)
	})
}
