package groups_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"portico.internal/platform/testkit"
)

func own(groupID string) string { return "/api/groups/" + groupID }

func TestGroupAdmins(t *testing.T) {
	each(t, func(h *house) {
		crew, zoo, annID, bobID, eveID := h.group("Crew"), h.group("Zoo"), h.user(ann), h.user(bob), h.user(eve)
		h.join(crew, annID)
		h.join(crew, bobID)
		h.join(zoo, annID)
		h.promote(crew, annID, true)
		members := own(crew) + "/members"
		h.Run(h.t,
			testkit.Scenario{Name: "the group", Request: call(ann, "GET", own(crew)), Status: 200, Want: []string{`{"id":"` + crew + `","name":"Crew","description":null,"created_at":"`, `"member_count":2}`}},
			testkit.Scenario{Name: "its members", Request: call(ann, "GET", members), Status: 200, Want: []string{
				`[{"user_id":"` + annID + `","email":"` + ann + `","full_name":null,"is_active":true,"is_group_admin":true,"joined_at":"`, bob}, Not: []string{eve, root}},
			testkit.Scenario{Name: "a page of them", Request: call(ann, "GET", members+"?sort=-email&limit=1"), Status: 200, Want: []string{bob}, Not: []string{ann}},
			testkit.Scenario{Name: "unknown order", Request: call(ann, "GET", members+"?sort=password"), Status: 422},
			testkit.Scenario{Name: "add by address", Request: call(ann, "POST", members, `{"email":" EVE@example.com ","is_group_admin":true,"user_id":"x"}`), Status: 201, Want: []string{`"email":"` + eve + `"`, `"is_group_admin":false`}},
			testkit.Scenario{Name: "again", Request: call(ann, "POST", members, `{"email":"`+eve+`"}`), Status: 400, Want: []string{`{"detail":"User is already a member"}`}},
			testkit.Scenario{Name: "unknown user", Request: call(ann, "POST", members, `{"email":"who@example.com"}`), Status: 404, Want: []string{`{"detail":"User not found"}`}},
			testkit.Scenario{Name: "no address", Request: call(ann, "POST", members, `{"email":"who"}`), Status: 422, Want: []string{`"loc":["body","email"]`, `@-sign`}},
			testkit.Scenario{Name: "null", Request: call(ann, "POST", members, `{"email":null}`), Status: 422, Want: []string{`string_type`}},
			testkit.Scenario{Name: "absent", Request: call(ann, "POST", members, `{}`), Status: 422, Want: []string{`missing`}},
			testkit.Scenario{Name: "no JSON", Request: call(ann, "POST", members, `{`), Status: 422, Want: []string{`json_invalid`}},
			testkit.Scenario{Name: "wrong method", Request: call(ann, "PUT", members, `{}`), Status: 405},
			testkit.Scenario{Name: "remove", Request: call(ann, "DELETE", members+"/"+eveID), Status: 204},
			testkit.Scenario{Name: "remove again", Request: call(ann, "DELETE", members+"/"+eveID), Status: 404, Want: []string{`{"detail":"Membership not found"}`}},
			testkit.Scenario{Name: "the last admin", Request: call(ann, "DELETE", members+"/"+annID), Status: 400, Want: []string{`{"detail":"Cannot remove the last group admin"}`}},
			testkit.Scenario{Name: "not by a superuser either", Request: call(root, "DELETE", members+"/"+annID), Status: 400},
			testkit.Scenario{Name: "superusers see all", Request: call(root, "GET", own(zoo)), Status: 200, Want: []string{`"name":"Zoo"`}},
			testkit.Scenario{Name: "but not what is not there", Request: call(root, "GET", own(nobody)+"/members"), Status: 404, Want: []string{`{"detail":"Group not found"}`}},
			testkit.Scenario{Name: "nor add to it", Request: call(root, "POST", own(nobody)+"/members", `{"email":"`+ann+`"}`), Status: 404, Want: []string{`{"detail":"Group not found"}`}},
		)
		h.promote(crew, bobID, true)
		h.gone(call(ann, "DELETE", members+"/"+annID))
		h.refused(404, "Not Found", call(ann, "GET", members))
		h.promote(crew, bobID, false)
		h.refused(404, "Not Found", call(bob, "GET", members))
	})
}

// An admin whose account is off cannot run a group: the one who can must stay.
func TestInactiveGroupAdminsDoNotCount(t *testing.T) {
	each(t, func(h *house) {
		crew, annID, bobID := h.group("Crew"), h.user(ann), h.user(bob)
		for _, id := range []string{annID, bobID} {
			h.join(crew, id)
			h.promote(crew, id, true)
		}
		must[any](h, 200, call(root, "PATCH", "/api/admin/users/"+bobID+"/active", `{"is_active":false}`))
		h.refused(400, "Cannot remove the last group admin", call(ann, "DELETE", own(crew)+"/members/"+annID))
		h.gone(call(ann, "DELETE", own(crew)+"/members/"+bobID))
	})
}

// Whoever does not run a group hears of it what he hears of a path that is not there, whatever he sends.
func TestToOthersThereAreNoGroups(t *testing.T) {
	each(t, func(h *house) {
		crew, zoo, annID, bobID := h.group("Crew"), h.group("Zoo"), h.user(ann), h.user(bob)
		h.join(crew, annID)
		h.join(crew, bobID)
		h.promote(crew, annID, true) // ann runs one group, and is nobody in the other
		h.join(zoo, bobID)
		h.promote(zoo, bobID, true)
		unknown := h.Call(h.t, call(ann, "GET", "/api/nowhere"))
		for _, path := range []string{own(zoo), own(zoo) + "/members", own(zoo) + "/members/" + bobID, own(nobody), own(nobody) + "/members", own("x") + "/members/x",
			own("%00") + "/members", own("%ff"), own(zoo) + "/members/", own(zoo) + "/", own(zoo) + "/members?sort=password&limit=x", own(zoo) + "/members/" + bobID + "/admin",
			admin, admin + "/" + crew, admin + "/" + crew + "/members", memberPath(crew, annID), memberPath(crew, annID) + "/admin", admin + "/"} {
			for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"} {
				for _, body := range []string{"", "{", `{"email":"eve@example.com"}`} {
					r := h.Call(h.t, call(ann, method, path, body))
					for _, own := range []string{"X-Request-Id", "Date"} {
						r.Header.Del(own)
						unknown.Header.Del(own)
					}
					require.Equal(h.t, unknown, r, "%s %s %s", method, path, body)
				}
				r := h.Call(h.t, call("", method, path))
				require.Contains(h.t, []int{401, 404}, r.Status, "%s %s", method, path)
				require.Empty(h.t, r.Header.Get("Allow"))
			}
		}
		require.Equal(h.t, []string{bob}, h.emails(zoo, ""))
		require.Equal(h.t, []string{ann, bob}, h.emails(crew, ""))
	})
}
