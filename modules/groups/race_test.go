package groups_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"portico.internal/modules/gatewaytest"
	"portico.internal/modules/users"
	"portico.internal/platform/testkit"
)

const wide = gatewaytest.Wide

var rounds = gatewaytest.Rounds

// race is one database with as many gateways as may share it.
type race struct {
	*house
	db       *gorm.DB
	replicas []*testkit.Gateway
	people   []string // ids of wide users
}

func eachRace(t *testing.T, test func(r *race)) {
	testkit.Migrated(gatewaytest.Plan(t)).Each(t, func(t *testing.T, d testkit.Database) {
		r := &race{db: d.Open(t)}
		r.replicas = gatewaytest.Replicas(t, gatewaytest.Spec(), d, nil)
		r.house = &house{r.replicas[0], t}
		var rows []users.User
		for i := range wide {
			r.people = append(r.people, fmt.Sprintf("%08d-0000-4000-8000-000000000000", i))
			rows = append(rows, users.User{ID: r.people[i], Email: fmt.Sprintf("user%d@example.com", i), IsActive: true})
		}
		require.NoError(t, r.db.Create(&rows).Error)
		for _, h := range r.replicas {
			for _, who := range []string{root, ann, bob} {
				h.Token(t, who)
			}
		}
		test(r)
		var orphans int64
		require.NoError(t, r.db.Raw(`SELECT COUNT(*) FROM group_memberships WHERE group_id NOT IN (SELECT id FROM groups) OR user_id NOT IN (SELECT id FROM users)`).Scan(&orphans).Error)
		require.Zero(t, orphans)
	})
}

// together sends all requests at once, spread over the gateways, and counts the statuses.
func (r *race) together(requests ...testkit.Request) map[int]int {
	r.t.Helper()
	return gatewaytest.Rush(r.t, r.replicas, requests)
}

func times(n int, request testkit.Request) []testkit.Request {
	list := make([]testkit.Request, n)
	for i := range list {
		list[i] = request
	}
	return list
}

func TestOneNameIsTakenOnce(t *testing.T) {
	eachRace(t, func(r *race) {
		for round := range *rounds {
			var requests []testkit.Request
			for i := range wide {
				requests = append(requests, post(fmt.Sprintf(`{"name":%q}`, []string{"Straße ", "STRASSE "}[i%2]+fmt.Sprint(round))))
			}
			require.Equal(r.t, map[int]int{201: 1, 400: wide - 1}, r.together(requests...))
		}
	})
}

func TestOneNameIsGivenOnce(t *testing.T) {
	eachRace(t, func(r *race) {
		var ids []string
		for i := range 10 {
			ids = append(ids, r.group(fmt.Sprint("old ", i)))
		}
		for round := range *rounds {
			var requests []testkit.Request
			for i := range wide {
				requests = append(requests, call(root, "PATCH", admin+"/"+ids[i%10], fmt.Sprintf(`{"name":"new %d"}`, round)))
			}
			counts := r.together(requests...)
			require.Equal(r.t, wide, counts[200]+counts[400], "%v", counts)
			require.LessOrEqual(r.t, counts[200], wide/10, "one group has it")
			require.Positive(r.t, counts[200])
		}
	})
}

func TestOneMemberIsAddedOnce(t *testing.T) {
	eachRace(t, func(r *race) {
		id := r.group("Crew")
		for round := range *rounds {
			require.Equal(r.t, map[int]int{201: 1, 400: wide - 1}, r.together(times(wide, call(root, "POST", memberPath(id, r.people[round])))...))
			require.Equal(r.t, map[int]int{204: 1, 404: wide - 1}, r.together(times(wide, call(root, "DELETE", memberPath(id, r.people[round])))...))
		}
		require.Empty(r.t, r.emails(id, ""))
	})
}

func TestDeleteOfAGroupAgainstItsMembers(t *testing.T) {
	eachRace(t, func(r *race) {
		for round := range *rounds {
			id := r.group(fmt.Sprint("Crew ", round))
			var requests []testkit.Request
			for i, person := range r.people {
				switch i % 10 {
				case 0:
					requests = append(requests, call(root, "PUT", admin+"/"+id+"/members", `{"add":["`+person+`","user1@example.com"],"remove":["user2@example.com"]}`))
				case 5:
					requests = append(requests, call(root, "PATCH", admin+"/"+id, `{"description":"x"}`))
				default:
					requests = append(requests, call(root, "POST", memberPath(id, person)))
				}
			}
			requests[wide/2] = call(root, "DELETE", admin+"/"+id)
			counts := r.together(requests...)
			require.Equal(r.t, 1, counts[204])
			require.Equal(r.t, wide-1, counts[200]+counts[201]+counts[400]+counts[404], "%v", counts)
			r.refused(http.StatusNotFound, "Group not found", call(root, "GET", admin+"/"+id))
			var left int64
			require.NoError(r.t, r.db.Table("group_memberships").Count(&left).Error)
			require.Zero(r.t, left)
		}
	})
}

func TestDeleteOfAUserAgainstMembership(t *testing.T) {
	eachRace(t, func(r *race) {
		id := r.group("Crew")
		for round := range *rounds {
			person, email := r.people[round], fmt.Sprintf("user%d@example.com", round)
			requests := times(wide-1, call(root, "POST", memberPath(id, person)))
			for i := range requests {
				switch i % 3 {
				case 0:
					requests[i] = call(root, "PUT", admin+"/"+id+"/members", `{"add":["`+email+`"],"remove":["`+r.people[i]+`"]}`)
				case 1:
					requests[i] = call(root, "PATCH", memberPath(id, person)+"/admin", `{"is_group_admin":true}`)
				}
			}
			requests = append(requests, call(root, "DELETE", "/api/admin/users/"+person))
			counts := r.together(requests...)
			require.Equal(r.t, 1, counts[204], "%v", counts)
			require.NotContains(r.t, r.emails(id, ""), email)
		}
	})
}

// Of two admins of a group who remove each other at the same moment one stays.
func TestGroupAdminsRemoveEachOther(t *testing.T) {
	eachRace(t, func(r *race) {
		id, annID, bobID := r.group("Crew"), r.user(ann), r.user(bob)
		for range *rounds {
			r.bulk(id, []string{ann, bob}, nil)
			r.promote(id, annID, true)
			r.promote(id, bobID, true)
			annOut, bobOut := own(id)+"/members/"+annID, own(id)+"/members/"+bobID
			var requests []testkit.Request
			for range wide / 4 {
				requests = append(requests, call(ann, "DELETE", bobOut), call(bob, "DELETE", annOut), call(ann, "DELETE", annOut), call(bob, "DELETE", bobOut))
			}
			counts := r.together(requests...)
			require.Equal(r.t, 1, counts[204], "%v", counts)
			require.Equal(r.t, wide-1, counts[400]+counts[404], "%v", counts)
			require.Len(r.t, r.emails(id, ""), 1)
		}
	})
}
