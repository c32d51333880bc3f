package groups_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"portico.internal/modules/gatewaytest"
	"portico.internal/modules/users"
	"portico.internal/platform/testkit"
)

type bulkReply struct {
	Add, Remove []struct {
		Member string
		UserID *string `json:"user_id"`
		Result string
	}
}

func (h *house) bulk(groupID string, add, remove []string) (added, removed []string) {
	h.t.Helper()
	body, err := json.Marshal(map[string][]string{"add": append([]string{}, add...), "remove": append([]string{}, remove...)})
	require.NoError(h.t, err)
	out := must[bulkReply](h, 200, call(root, "PUT", admin+"/"+groupID+"/members", string(body)))
	require.Len(h.t, out.Add, len(add))
	require.Len(h.t, out.Remove, len(remove))
	for i, o := range out.Add {
		require.Equal(h.t, add[i], o.Member)
		require.Equal(h.t, o.Result == "not_found", o.UserID == nil)
		added = append(added, o.Result)
	}
	for i, o := range out.Remove {
		require.Equal(h.t, remove[i], o.Member)
		require.Equal(h.t, o.Result == "not_found", o.UserID == nil)
		removed = append(removed, o.Result)
	}
	return added, removed
}

func TestBulk(t *testing.T) {
	each(t, func(h *house) {
		id, annID, bobID, eveID := h.group("Crew"), h.user(ann), h.user(bob), h.user(eve)
		h.join(id, bobID)
		h.promote(id, bobID, true)
		joined := must[group](h, 200, call(root, "GET", admin+"/"+id)).Members[0].JoinedAt

		added, removed := h.bulk(id,
			[]string{eve, annID, " ANN@Example.com ", bob, "who@example.com", nobody, strings.ToUpper(annID), "", "@", "a@b@c", "' OR 1=1", "ü"},
			[]string{eveID, eve, root, "x", "who@example.com"})
		require.Equal(h.t, []string{"added", "added", "already_member", "already_member", "not_found", "not_found", "not_found", "not_found", "not_found", "not_found", "not_found", "not_found"}, added)
		require.Equal(h.t, []string{"removed", "not_member", "not_member", "not_found", "not_found"}, removed)
		require.Equal(h.t, []string{ann, bob}, h.emails(id, ""))
		require.Equal(h.t, "[]", h.Call(h.t, call(eve, "GET", "/api/users/me/groups")).Body)
		require.Contains(h.t, h.Call(h.t, call(ann, "GET", "/api/users/me/groups")).Body, id)
		row := must[group](h, 200, call(root, "GET", admin+"/"+id+"?q=bob")).Members[0]
		require.True(h.t, row.IsGroupAdmin, "who is in already is left as he is")
		require.Equal(h.t, joined, row.JoinedAt)

		_, removed = h.bulk(id, nil, []string{annID, bob})
		require.Equal(h.t, []string{"removed", "removed"}, removed)
		require.Empty(h.t, h.emails(id, ""))
		require.Equal(h.t, "[]", h.Call(h.t, call(ann, "GET", "/api/users/me/groups")).Body)

		path := admin + "/" + id + "/members"
		names := func(n int) string { return strings.TrimSuffix(strings.Repeat(`"x",`, n), ",") }
		h.Run(h.t,
			testkit.Scenario{Name: "nothing", Request: call(root, "PUT", path, `{}`), Status: 200, Want: []string{`{"add":[],"remove":[]}`}},
			testkit.Scenario{Name: "what it does not know", Request: call(root, "PUT", path, `{"members":["`+annID+`"],"group_id":"x"}`), Status: 200, Want: []string{`{"add":[],"remove":[]}`}},
			testkit.Scenario{Name: "the most", Request: call(root, "PUT", path, `{"add":[`+names(600)+`],"remove":[`+names(400)+`]}`), Status: 200, Want: []string{`{"member":"x","user_id":null,"result":"not_found"}`}},
			testkit.Scenario{Name: "too many together", Request: call(root, "PUT", path, `{"add":[`+names(600)+`],"remove":[`+names(401)+`]}`), Status: 422, Want: []string{`"loc":["body","remove"],"msg":"Value error, At most 1000 users can be named at once"`}},
			testkit.Scenario{Name: "too many", Request: call(root, "PUT", path, `{"add":[`+names(1001)+`]}`), Status: 422, Want: []string{`too_long`}},
			testkit.Scenario{Name: "null", Request: call(root, "PUT", path, `{"add":null}`), Status: 422, Want: []string{`list_type`}},
			testkit.Scenario{Name: "a text", Request: call(root, "PUT", path, `{"add":"x"}`), Status: 422, Want: []string{`list_type`}},
			testkit.Scenario{Name: "no texts", Request: call(root, "PUT", path, `{"remove":["x",7]}`), Status: 422, Want: []string{`"loc":["body","remove",1]`, `string_type`}},
			testkit.Scenario{Name: "no body", Request: call(root, "PUT", path, ``), Status: 422},
			testkit.Scenario{Name: "unknown group", Request: call(root, "PUT", admin+"/"+nobody+"/members", `{"add":["`+annID+`"]}`), Status: 404, Want: []string{`{"detail":"Group not found"}`}},
			testkit.Scenario{Name: "a user", Request: call(ann, "PUT", path, `{`), Status: 404, Want: []string{notFound}},
			testkit.Scenario{Name: "nobody", Request: call("", "PUT", path, `{`), Status: 401},
		)
		require.Empty(h.t, h.emails(id, ""), "what was refused has changed nothing")
	})
}

// A thousand at once, each in its place in the reply, in a bounded number of statements.
func TestBulkOfAThousand(t *testing.T) {
	testkit.Migrated(gatewaytest.Plan(t)).Each(t, func(t *testing.T, d testkit.Database) {
		h := &house{gatewaytest.Start(t, gatewaytest.Spec(), d, nil), t}
		var names, want []string
		var rows []users.User
		for i := range 1000 {
			id, email := fmt.Sprintf("%08d-0000-4000-8000-000000000000", i), fmt.Sprintf("user%d@example.com", i)
			switch i % 3 {
			case 0:
				names, want = append(names, id), append(want, "added")
			case 1:
				names, want = append(names, email), append(want, "added")
			default:
				names, want = append(names, "no"+email), append(want, "not_found")
			}
			rows = append(rows, users.User{ID: id, Email: email, IsActive: true})
		}
		require.NoError(t, d.Open(t).Transaction(func(tx *gorm.DB) error { return tx.CreateInBatches(&rows, 200).Error }))
		id := h.group("Crew")
		added, _ := h.bulk(id, names, nil)
		require.Equal(t, want, added)
		require.Len(t, h.emails(id, ""), 667)
		require.Equal(t, 667, must[group](h, 200, call(root, "GET", admin+"/"+id+"?limit=1")).MemberCount)
		_, removed := h.bulk(id, nil, names)
		require.NotContains(t, removed, "not_member")
		require.Empty(t, h.emails(id, ""))
	})
}
