package main_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"portico.internal/modules/gatewaytest"
	"portico.internal/platform/testkit"
)

func as(token, method, path, body string) testkit.Request {
	return testkit.Request{Token: token, Method: method, Path: path, Body: body}
}

func idIn(t *testing.T, r testkit.Reply) string {
	t.Helper()
	var made struct{ ID string }
	require.NoError(t, json.Unmarshal([]byte(r.Body), &made), r.Body)
	require.NotEmpty(t, made.ID, r.Body)
	return made.ID
}

// half makes a crowd of two requests, each of which reaches both processes.
func half(a, b testkit.Request) []testkit.Request {
	var crowd []testkit.Request
	for range gatewaytest.Wide / 4 {
		crowd = append(crowd, a, a, b, b)
	}
	return crowd
}

// What two people do at once through two processes ends as the rules have it, with real password hashes.
func TestTwoProcessesKeepTheRules(t *testing.T) {
	t.Parallel()
	d := testkit.Migrated(gatewaytest.Plan(t)).Postgres(t)
	db := d.Open(t)
	first := in(t, on(d).with(env{"PORTICO_ADMIN_EMAIL": gatewaytest.Admin, "PORTICO_ADMIN_PASSWORD": testkit.Password})).serve(t)
	second := in(t, on(d)).serve(t)
	t.Cleanup(func() {
		http.DefaultTransport.(*http.Transport).CloseIdleConnections()
		require.Equal(t, 0, first.stop(t))
		require.Equal(t, 0, second.stop(t))
	})
	both := []*testkit.Gateway{first.Gateway, second.Gateway}
	root := first.SignIn(t, gatewaytest.Admin, testkit.Password)

	account := as("", "POST", "/api/auth/register", `{"email":"ann@example.com","password":"`+testkit.Password+`"}`)
	require.Equal(t, map[int]int{201: 1, 400: gatewaytest.Wide - 1}, gatewaytest.Rush(t, both, half(account, account)))

	ann := second.SignIn(t, "ann@example.com", testkit.Password)
	look := as(ann, "GET", "/api/profile/me", "")
	require.Equal(t, map[int]int{200: gatewaytest.Wide}, gatewaytest.Rush(t, both, half(look, look)))
	annID := idIn(t, first.get(t, ann, "/api/users/me"))

	for round := range *gatewaytest.Rounds {
		group := "/api/admin/groups/" + idIn(t, first.Call(t, as(root, "POST", "/api/admin/groups", fmt.Sprintf(`{"name":"Group %d"}`, round))))
		add := as(root, "POST", group+"/members/"+annID, "")
		require.Equal(t, map[int]int{201: 1, 400: gatewaytest.Wide - 1}, gatewaytest.Rush(t, both, half(add, add)))
		leave, drop := as(root, "DELETE", group+"/members/"+annID, ""), as(root, "DELETE", group, "")
		count := gatewaytest.Rush(t, both, half([]testkit.Request{add, leave}[round%2], drop))
		require.Zero(t, count[http.StatusOK], count)
	}

	for _, way := range []struct{ method, path, body string }{
		{"DELETE", "", ""}, {"PATCH", "/active", `{"is_active":false}`}, {"PATCH", "", `{"is_admin":false}`},
	} {
		var ids, tokens []string
		for _, name := range []string{"x", "y"} {
			email := name + "-" + way.method + "-" + fmt.Sprint(len(way.path)) + "@example.com"
			ids = append(ids, idIn(t, first.Call(t, as(root, "POST", "/api/admin/users", `{"email":"`+email+`","password":"`+testkit.Password+`","is_admin":true}`))))
			tokens = append(tokens, first.SignIn(t, email, testkit.Password))
		}
		gatewaytest.Rush(t, both, half(
			as(tokens[0], way.method, "/api/admin/users/"+ids[1]+way.path, way.body),
			as(tokens[1], way.method, "/api/admin/users/"+ids[0]+way.path, way.body)))
		var left int
		require.NoError(t, db.Raw("SELECT count(*) FROM users WHERE id IN ? AND is_active AND is_superuser", ids).Scan(&left).Error)
		require.Equal(t, 1, left, "%s %s: of two who remove each other one remains", way.method, way.path)
	}

	for query, want := range map[string]int{
		"SELECT count(*) FROM users WHERE email = 'ann@example.com'": 1,
		"SELECT count(*) FROM profiles":                              1,
		"SELECT count(*) FROM group_memberships WHERE group_id NOT IN (SELECT id FROM groups) OR user_id NOT IN (SELECT id FROM users)": 0,
	} {
		var n int
		require.NoError(t, db.Raw(query).Scan(&n).Error)
		require.Equal(t, want, n, query)
	}
}
