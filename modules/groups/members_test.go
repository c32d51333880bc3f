package groups_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"portico.internal/platform/testkit"
)

func TestMembers(t *testing.T) {
	each(t, func(h *house) {
		id, annID, bobID := h.group("Crew"), h.user(ann), h.user(bob)
		added := `{"user_id":"` + annID + `","email":"` + ann + `","full_name":null,"is_active":true,"is_group_admin":false,"joined_at":"20`
		h.Run(h.t,
			testkit.Scenario{Name: "nobody", Request: call("", "POST", memberPath(id, annID)), Status: 401},
			testkit.Scenario{Name: "a user", Request: call(ann, "POST", memberPath(id, annID)), Status: 404, Want: []string{notFound}},
			testkit.Scenario{Name: "added", Request: call(root, "POST", memberPath(id, annID), `{"is_group_admin":true}`), Status: 201, Want: []string{added}},
			testkit.Scenario{Name: "again", Request: call(root, "POST", memberPath(id, annID)), Status: 400, Want: []string{`{"detail":"User is already a member"}`}},
			testkit.Scenario{Name: "unknown user", Request: call(root, "POST", memberPath(id, nobody)), Status: 404, Want: []string{`{"detail":"User not found"}`}},
			testkit.Scenario{Name: "no id", Request: call(root, "POST", memberPath(id, strings.Repeat("x", 100))), Status: 404, Want: []string{`{"detail":"User not found"}`}},
			testkit.Scenario{Name: "an address is no id", Request: call(root, "POST", memberPath(id, bob)), Status: 404, Want: []string{`{"detail":"User not found"}`}},
			testkit.Scenario{Name: "no text", Request: call(root, "POST", memberPath(id, "a%00")), Status: 404},
			testkit.Scenario{Name: "unknown group", Request: call(root, "POST", memberPath(nobody, annID)), Status: 404, Want: []string{`{"detail":"Group not found"}`}},
			testkit.Scenario{Name: "made an admin", Request: call(root, "PATCH", memberPath(id, annID)+"/admin", `{"is_group_admin":true,"user_id":"x","joined_at":null}`), Status: 200,
				Want: []string{strings.Replace(added, `"is_group_admin":false`, `"is_group_admin":true`, 1)}},
			testkit.Scenario{Name: "and no longer", Request: call(root, "PATCH", memberPath(id, annID)+"/admin", `{"is_group_admin":false}`), Status: 200, Want: []string{added}},
			testkit.Scenario{Name: "not a member", Request: call(root, "PATCH", memberPath(id, bobID)+"/admin", `{"is_group_admin":true}`), Status: 404, Want: []string{`{"detail":"Membership not found"}`}},
			testkit.Scenario{Name: "not a group", Request: call(root, "PATCH", memberPath(nobody, bobID)+"/admin", `{"is_group_admin":true}`), Status: 404, Want: []string{`{"detail":"Group not found"}`}},
			testkit.Scenario{Name: "absent", Request: call(root, "PATCH", memberPath(id, annID)+"/admin", `{}`), Status: 422, Want: []string{`"missing"`}},
			testkit.Scenario{Name: "null", Request: call(root, "PATCH", memberPath(id, annID)+"/admin", `{"is_group_admin":null}`), Status: 422, Want: []string{`bool_type`}},
			testkit.Scenario{Name: "an empty text", Request: call(root, "PATCH", memberPath(id, annID)+"/admin", `{"is_group_admin":""}`), Status: 422, Want: []string{`bool_parsing`}},
			testkit.Scenario{Name: "a list", Request: call(root, "PATCH", memberPath(id, annID)+"/admin", `{"is_group_admin":[]}`), Status: 422, Want: []string{`bool_type`}},
			testkit.Scenario{Name: "no body", Request: call(root, "PATCH", memberPath(id, annID)+"/admin", ``), Status: 422},
			testkit.Scenario{Name: "a user on the admin path", Request: call(ann, "PATCH", memberPath(id, annID)+"/admin", `{`), Status: 404, Want: []string{notFound}},
		)
		require.Contains(h.t, h.Call(h.t, call(ann, "GET", "/api/users/me/groups")).Body, `"name":"Crew","description":null,"is_group_admin":false,"joined_at":"20`)
		h.refused(404, "Not Found", call(ann, "DELETE", memberPath(id, annID)))
		h.gone(call(root, "DELETE", memberPath(id, annID)))
		h.refused(404, "Membership not found", call(root, "DELETE", memberPath(id, annID)))
		h.refused(404, "Membership not found", call(root, "DELETE", memberPath(id, nobody)))
		h.refused(404, "Group not found", call(root, "DELETE", memberPath(nobody, annID)))
		require.Equal(h.t, "[]", h.Call(h.t, call(ann, "GET", "/api/users/me/groups")).Body)
	})
}

// The only admin of a group may be removed here: it is no accident.
func TestAnAdministratorMayRemoveTheLastGroupAdmin(t *testing.T) {
	each(t, func(h *house) {
		id, annID := h.group("Crew"), h.user(ann)
		h.join(id, annID)
		h.promote(id, annID, true)
		h.gone(call(root, "DELETE", memberPath(id, annID)))
		require.Empty(h.t, h.emails(id, ""))
	})
}

func TestDetail(t *testing.T) {
	each(t, func(h *house) {
		id := h.group("Crew")
		r := h.Call(h.t, call(root, "GET", admin+"/"+id))
		require.Contains(h.t, r.Body, `"member_count":0,"members":[]}`)
		require.Equal(h.t, "0", r.Header.Get("X-Total-Count"))
		for _, email := range []string{eve, ann, bob} {
			h.join(id, h.user(email))
		}
		h.promote(id, h.user(bob), true)
		h.join(h.group("Zoo"), h.user(root))
		h.Run(h.t,
			testkit.Scenario{Request: call(root, "GET", admin+"/"+id+"?q=ann"), Status: 200, Want: []string{
				`{"id":"` + id + `","name":"Crew","description":null,"created_at":"20`,
				`"member_count":3,"members":[{"user_id":"` + h.user(ann) + `","email":"ann@example.com","full_name":null,"is_active":true,"is_group_admin":false,"joined_at":"20`},
				Not: []string{bob, eve, root}},
			testkit.Scenario{Request: call(root, "GET", admin+"/"+id+"?sort=group_id"), Status: 422, Want: []string{`["query","sort"]`}},
			testkit.Scenario{Request: call(root, "GET", admin+"/"+nobody), Status: 404, Want: []string{`{"detail":"Group not found"}`}},
			testkit.Scenario{Request: call(root, "GET", admin+"/%ff"), Status: 404},
			testkit.Scenario{Request: call(ann, "GET", admin+"/"+id), Status: 404, Want: []string{notFound}},
			testkit.Scenario{Request: call(bob, "GET", admin+"/"+id), Status: 404, Want: []string{notFound}},
		)
		for query, want := range map[string][]string{
			"":                              {ann, bob, eve},
			"?sort=-email":                  {eve, bob, ann},
			"?sort=joined_at":               {eve, ann, bob},
			"?sort=-is_group_admin&limit=1": {bob},
			"?limit=1&offset=1":             {bob},
			"?q=EXAMPLE.com&offset=2":       {eve},
			"?q=_":                          {},
		} {
			require.Equal(h.t, want, h.emails(id, query), query)
		}
		require.Equal(h.t, "3", h.Call(h.t, call(root, "GET", admin+"/"+id+"?limit=1")).Header.Get("X-Total-Count"))
	})
}

// What goes upstream with a call follows a change of the groups at once.
func TestGroupsOfTheCallerFollowAtOnce(t *testing.T) {
	each(t, func(h *house) {
		annID := h.user(ann)
		ids := func() (list []string) {
			list = []string{}
			for _, g := range must[[]group](h, 200, call(ann, "GET", "/api/users/me/groups")) {
				list = append(list, g.Name)
			}
			return list
		}
		zoo, crew := h.group("zoo"), h.group("Crew")
		h.join(zoo, annID)
		h.join(crew, annID)
		require.Equal(h.t, []string{"Crew", "zoo"}, ids(), "by name, whatever the case")
		h.gone(call(root, "DELETE", memberPath(zoo, annID)))
		require.Equal(h.t, []string{"Crew"}, ids())
		h.gone(call(root, "DELETE", admin+"/"+crew))
		require.Empty(h.t, ids())
	})
}

func TestChangesAreInTheLog(t *testing.T) {
	each(t, func(h *house) {
		id, annID, rootID := h.group("Crew"), h.user(ann), h.user(root)
		h.join(id, annID)
		h.promote(id, annID, true)
		must[group](h, 200, call(root, "PATCH", admin+"/"+id, `{"name":"Team"}`))
		must[any](h, 200, call(root, "PUT", admin+"/"+id+"/members", `{"remove":["`+annID+`"]}`))
		h.join(id, annID)
		h.gone(call(root, "DELETE", memberPath(id, annID)))
		h.gone(call(root, "DELETE", admin+"/"+id))
		log := h.Log.String()
		by := `,"actor":"` + rootID + `","group_id":"` + id + `","address":"127.0.0.1"`
		for _, line := range []string{
			`"group created"` + by + `,"name":"Crew"`, `"group member added"` + by + `,"user_id":"` + annID + `"`,
			`"group admin set"` + by + `,"user_id":"` + annID + `","is_group_admin":true`, `"group changed"` + by + `,"name":"Team"`,
			`"group members changed"` + by + `,"added":[],"removed":["` + annID + `"]`, `"group member removed"` + by + `,"user_id":"` + annID + `"`,
			`"group deleted"` + by + `,"members":0`,
		} {
			require.Contains(h.t, log, line)
		}
	})
}
