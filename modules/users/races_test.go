package users_test

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"portico.internal/modules/gatewaytest"
	"portico.internal/platform/testkit"
)

const wide = gatewaytest.Wide

var rounds = gatewaytest.Rounds

// eachPair runs the test on a database of each kind, with as many gateways as may share it.
func eachPair(t *testing.T, test func(t *testing.T, replicas []town)) {
	testkit.Migrated(gatewaytest.Plan(t)).Each(t, func(t *testing.T, d testkit.Database) {
		db := d.Open(t)
		var towns []town
		for _, g := range gatewaytest.Replicas(t, gatewaytest.Spec(), d, nil) {
			towns = append(towns, town{g, db})
		}
		test(t, towns)
	})
}

// rush sends requests at once, spread over the replicas, and counts the answers by status. None may be a 5xx.
func rush(t *testing.T, replicas []town, requests []testkit.Request) map[int]int {
	t.Helper()
	var gateways []*testkit.Gateway
	for _, r := range replicas {
		gateways = append(gateways, r.Gateway)
	}
	return gatewaytest.Rush(t, gateways, requests)
}

// cross makes requests of two kinds, alternating in pairs so that either reaches every replica.
func cross(a, b testkit.Request) []testkit.Request {
	var list []testkit.Request
	for i := range wide {
		list = append(list, []testkit.Request{a, a, b, b}[i%4])
	}
	return list
}

func TestOneAddressIsTakenOnce(t *testing.T) {
	eachPair(t, func(t *testing.T, replicas []town) {
		g := replicas[0]
		rootToken := g.Token(t, root)
		for round := range *rounds {
			email := fmt.Sprintf("user%d@example.com", round)
			body := `{"email":"` + email + `","password":"` + testkit.Password + `"}`
			count := rush(t, replicas, cross(withToken("", "POST", "/api/auth/register", body), withToken(rootToken, "POST", adminUsers, body)))
			require.Equal(t, map[int]int{201: 1, 400: wide - 1}, count)
			require.Equal(t, 1, g.count(t, "users WHERE email = ?", email))
		}
		// The same when an address is not made but changed.
		for round := range 10 {
			email := fmt.Sprintf("taken%d@example.com", round)
			var requests []testkit.Request
			for i := range wide {
				requests = append(requests, withToken(rootToken, "PATCH", adminUsers+"/"+g.idOf(t, fmt.Sprintf("user%d@example.com", i%*rounds)), `{"email":"`+email+`"}`))
			}
			g.rename(t, email)
			require.Equal(t, wide, total(rush(t, replicas, requests), 200, 400))
			require.Equal(t, 1, g.count(t, "users WHERE email = ?", email))
			g.rename(t, email)
		}
	})
}

// rename gives a user with an odd address the plain one back.
func (g town) rename(t *testing.T, email string) {
	t.Helper()
	for i := range *rounds {
		plain := fmt.Sprintf("user%d@example.com", i)
		if g.count(t, "users WHERE email = ?", plain) == 0 {
			require.NoError(t, g.db.Exec("UPDATE users SET email = ? WHERE email = ?", plain, email).Error)
		}
	}
}

func (g town) idOf(t *testing.T, email string) (id string) {
	t.Helper()
	require.NoError(t, g.db.Raw("SELECT id FROM users WHERE email = ?", email).Scan(&id).Error)
	require.NotEmpty(t, id)
	return id
}

func total(count map[int]int, statuses ...int) (n int) {
	for status, times := range count {
		if slices.Contains(statuses, status) {
			n += times
		}
	}
	return n
}

// Of two administrators who remove each other one remains, though there is a third.
func TestTwoAdminsRemoveEachOther(t *testing.T) {
	for _, way := range []struct {
		name, method, path, body string
		left                     string // who still has power
	}{
		{"delete", http.MethodDelete, "", "", "users WHERE id IN (?, ?)"},
		{"deactivate", http.MethodPatch, "/active", `{"is_active":false}`, "users WHERE is_active AND id IN (?, ?)"},
		{"toggle", http.MethodPatch, "/active", "", ""},
		{"demote", http.MethodPatch, "", `{"is_admin":false}`, "users WHERE is_superuser AND id IN (?, ?)"},
	} {
		t.Run(way.name, func(t *testing.T) {
			eachPair(t, func(t *testing.T, replicas []town) {
				g := replicas[0]
				for round := range *rounds {
					var ids, tokens [2]string
					for i := range ids {
						email := "boss" + strconv.Itoa(round) + "-" + strconv.Itoa(i) + "@example.com"
						ids[i] = g.settle(t, email, asAdmin)
						tokens[i] = g.SignIn(t, email, testkit.Password)
					}
					count := rush(t, replicas, cross(
						withToken(tokens[0], way.method, adminUsers+"/"+ids[1]+way.path, way.body),
						withToken(tokens[1], way.method, adminUsers+"/"+ids[0]+way.path, way.body)))
					require.Positive(t, total(count, 200, 204), count)
					require.Equal(t, wide, total(count, 200, 204, 401, 404), count)
					require.NotZero(t, g.count(t, "users WHERE is_superuser AND is_active AND id IN (?, ?)", ids[0], ids[1]), count)
					if way.left != "" {
						require.Equal(t, 1, g.count(t, way.left, ids[0], ids[1]), count)
					}
				}
				require.Equal(t, 1, g.count(t, "users WHERE email = ? AND is_superuser AND is_active", root))
			})
		})
	}
}

// The last two demote themselves: one has to stay.
func TestLastTwoAdminsStepDown(t *testing.T) {
	eachPair(t, func(t *testing.T, replicas []town) {
		g := replicas[0]
		require.NoError(t, g.db.Exec("DELETE FROM users").Error)
		for range *rounds {
			a, b := g.settle(t, "a@example.com", asAdmin), g.settle(t, "b@example.com", asAdmin)
			step := func(id, email string) testkit.Request {
				return withToken(g.SignIn(t, email, testkit.Password), "PATCH", adminUsers+"/"+id, `{"is_admin":false}`)
			}
			count := rush(t, replicas, cross(step(a, "a@example.com"), step(b, "b@example.com")))
			require.Equal(t, wide, total(count, 200, 400, 401, 404), count)
			require.Equal(t, 1, count[200], "%v", count)
			require.Equal(t, 1, g.count(t, "users WHERE is_superuser AND is_active"))
			require.NoError(t, g.db.Exec("DELETE FROM users").Error)
		}
	})
}

// Whatever else is asked for at the moment, a deleted user is not written back, and leaves no row behind.
func TestDeletedStaysDeleted(t *testing.T) {
	eachPair(t, func(t *testing.T, replicas []town) {
		g := replicas[0]
		rootToken, group := g.Token(t, root), g.group(t, "A")
		for round := range *rounds {
			email := fmt.Sprintf("user%d@example.com", round)
			id := g.settle(t, email)
			token := g.SignIn(t, email, testkit.Password)
			path := adminUsers + "/" + id
			changes := []testkit.Request{
				withToken(token, "PATCH", "/api/users/me", `{"full_name":"x"}`),
				withToken(token, "PATCH", "/api/users/me/color-mode", `{"color_mode":"dark"}`),
				withToken(token, "PATCH", "/api/users/me/preferences", `{"app_ids":["x"]}`),
				withToken(token, "PUT", "/api/profile/me", `{"position":"x"}`),
				withToken(rootToken, "PATCH", path, `{"full_name":"y","is_admin":true}`),
				withToken(rootToken, "PATCH", path+"/active", `{"is_active":true}`),
				withToken(rootToken, "POST", path+"/password"),
				withToken(rootToken, "POST", "/api/admin/groups/"+group+"/members/"+id),
				withToken(token, "POST", "/api/auth/logout-all"),
				withToken(token, "POST", "/api/users/me/password", `{"current_password":"`+testkit.Password+`","new_password":"`+newPassword+`"}`),
			}
			var requests []testkit.Request
			for i := range wide {
				requests = append(requests, changes[i%len(changes)])
			}
			requests[wide/3], requests[wide/3+1] = withToken(rootToken, "DELETE", path), withToken(rootToken, "DELETE", path)
			count := rush(t, replicas, requests)
			require.Equal(t, 1, count[204], "%v", count)
			require.Equal(t, wide, total(count, 200, 201, 204, 400, 401, 404), count)
			require.Zero(t, g.count(t, "users WHERE id = ?", id))
		}
		for _, table := range []string{"profiles", "group_memberships", "password_resets"} {
			require.Zero(t, g.count(t, table+" WHERE user_id NOT IN (SELECT id FROM users)"), "orphans in %s", table)
		}
	})
}
