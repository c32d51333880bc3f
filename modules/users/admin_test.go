package users_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"portico.internal/modules/users"
	"portico.internal/platform/testkit"
)

func (g town) listed(t *testing.T, query string) (emails []string, total string) {
	t.Helper()
	r := g.Call(t, request("GET", adminUsers+query, root))
	require.Equal(t, 200, r.Status, r.Body)
	var list []struct{ Email string }
	require.NoError(t, json.Unmarshal([]byte(r.Body), &list))
	for _, u := range list {
		emails = append(emails, strings.TrimSuffix(u.Email, "@example.com"))
	}
	return emails, r.Header.Get("X-Total-Count")
}

func TestAdminList(t *testing.T) {
	eachTown(t, func(t *testing.T, g town) {
		mode := "dark"
		bob := g.settle(t, "bob@example.com", named("Ärzte 100%"), func(u *users.User) {
			u.ColorMode, u.DashboardAppIDs, u.IsActive = &mode, []string{"z", "a"}, false
		})
		group, other := g.group(t, "A"), g.group(t, "B")
		g.join(t, group, bob)
		g.join(t, other, bob)
		g.settle(t, "zoe@example.com", named("bob_by"), asAdmin)
		g.settle(t, ann)

		require.Contains(t, g.Call(t, request("GET", adminUsers, root)).Body,
			`,{"id":"`+bob+`","email":"bob@example.com","full_name":"Ärzte 100%","is_active":false,"is_admin":false,"color_mode":"dark","dashboard_app_ids":["z","a"],"group_count":2},`)
		for _, c := range []struct {
			query, want, total string
		}{
			{"", "ann bob root zoe", "4"},
			{"?limit=2", "ann bob", "4"},
			{"?limit=2&offset=3", "zoe", "4"},
			{"?limit=2&offset=4", "", "4"},
			{"?offset=1", "bob root zoe", "4"},
			{"?sort=-email", "zoe root bob ann", "4"},
			{"?sort=-group_count&limit=1", "bob", "4"},
			{"?sort=-is_admin", "", "4"},
			{"?sort=-color_mode&limit=1", "bob", "4"},
			{"?sort=-full_name&limit=2", "bob zoe", "4"},
			{"?sort=is_active&limit=1", "bob", "4"},
			{"?q=bo", "bob zoe", "2"},
			{"?q=BOB", "bob zoe", "2"},
			{"?q=bob&limit=1&offset=1", "zoe", "2"},
			{"?q=" + url.QueryEscape("äRZ"), "bob", "1"},
			{"?q=%25", "bob", "1"},
			{"?q=_", "zoe", "1"},
			{"?q=%5C", "", "0"},
			{"?q=" + url.QueryEscape("' OR 1=1 --"), "", "0"},
		} {
			emails, total := g.listed(t, c.query)
			require.Equal(t, c.total, total, c.query)
			if c.want != "" {
				require.Equal(t, c.want, strings.Join(emails, " "), c.query)
			}
		}
		for _, sort := range []string{"hashed_password", "is_superuser", "created_at", "email,id", "--email", "Email", "id;", "-", " "} {
			r := g.Call(t, request("GET", adminUsers+"?sort="+url.QueryEscape(sort), root))
			require.Equal(t, 422, r.Status, sort)
			require.Contains(t, r.Body, `"loc":["query","sort"]`)
		}
		for _, query := range []string{"?limit=0", "?limit=1001", "?limit=x", "?offset=-1", "?q=" + strings.Repeat("x", 201)} {
			g.Run(t, testkit.Scenario{Name: query[:6], Request: request("GET", adminUsers+query, root), Status: 422})
		}
	})
}

func TestAdminCreate(t *testing.T) {
	eachTown(t, func(t *testing.T, g town) {
		post := func(body string) testkit.Request { return request("POST", adminUsers, root, body) }
		body := func(email, more string) string {
			return `{"email":"` + email + `","password":"` + testkit.Password + `"` + more + `}`
		}
		r := g.Call(t, post(body(" New@Example.COM ", `,"full_name":" <i>N</i>ew ","is_admin":true`)))
		require.Equal(t, 201, r.Status)
		require.Regexp(t, `^\{"id":"[0-9a-f-]{36}","email":"new@example.com","full_name":"New","is_active":true,"is_admin":true,"color_mode":null,"dashboard_app_ids":\[\],"group_count":0\}$`, r.Body)
		g.Run(t,
			testkit.Scenario{Name: "works at once", Request: request("GET", adminUsers+"?limit=1", "new@example.com"), Status: 200},
			testkit.Scenario{Name: "no admin unless said", Request: post(body("plain@example.com", ``)), Status: 201, Want: []string{`"is_admin":false`, `"full_name":null`}},
			testkit.Scenario{Name: "null name", Request: post(body("null@example.com", `,"full_name":null,"is_admin":false`)), Status: 201, Want: []string{`"full_name":null`, `"is_admin":false`}},
			testkit.Scenario{Name: "empty name", Request: post(body("empty@example.com", `,"full_name":""`)), Status: 201, Want: []string{`"full_name":""`}},
			testkit.Scenario{Name: "taken", Request: post(body("NEW@example.com", ``)), Status: 400, Want: detail("Email already registered")},
			testkit.Scenario{Name: "every fault", Request: post(`{"email":"nope","password":"canary","full_name":7,"is_admin":null}`), Status: 422, Not: []string{"canary"}, Want: []string{
				`"loc":["body","email"],"msg":"value is not a valid email address: An email address must have an @-sign."`,
				`"loc":["body","password"],"msg":"Value error, Password must be at least 8 characters"`,
				`{"type":"string_type","loc":["body","full_name"],"msg":"Input should be a valid string","input":7}`,
				`{"type":"bool_type","loc":["body","is_admin"],"msg":"Input should be a valid boolean","input":null}`,
			}},
			testkit.Scenario{Name: "is_admin is no list", Request: post(body("list@example.com", `,"is_admin":[]`)), Status: 422, Want: []string{"bool_type"}},
			testkit.Scenario{Name: "is_admin is no text", Request: post(body("text@example.com", `,"is_admin":""`)), Status: 422, Want: []string{"bool_parsing"}},
			testkit.Scenario{Name: "missing", Request: post(`{}`), Status: 422, Want: []string{`"loc":["body","email"]`, `"loc":["body","password"]`}},
			testkit.Scenario{Name: "no body", Request: post(``), Status: 422, Want: []string{`"loc":["body"]`}},
			testkit.Scenario{Name: "long name", Request: post(body("long@example.com", `,"full_name":"`+strings.Repeat("ä", 256)+`"`)), Status: 422, Want: []string{"string_too_long"}},
			testkit.Scenario{Name: "ends nobody's session", Request: request("GET", "/api/users/me", root), Status: 200},
		)
		require.Equal(t, 4, g.count(t, "users WHERE email IN ('new@example.com','plain@example.com','null@example.com','empty@example.com')"))
		require.Equal(t, 5, g.count(t, "users"), "what was refused was not made")
	})
}

func TestAdminDelete(t *testing.T) {
	eachTown(t, func(t *testing.T, g town) {
		id, rootID := g.id(t, ann), g.id(t, root)
		require.Equal(t, 200, g.Call(t, request("GET", "/api/profile/me", ann)).Status)
		require.Equal(t, 200, g.Call(t, request("POST", adminUsers+"/"+id+"/password", root)).Status)
		token := g.SignIn(t, ann, testkit.Password)
		g.join(t, g.group(t, "A"), id)
		mine := func() int {
			return g.count(t, "users WHERE id = ?", id) + g.count(t, "profiles WHERE user_id = ?", id) +
				g.count(t, "group_memberships WHERE user_id = ?", id) + g.count(t, "password_resets WHERE user_id = ?", id)
		}
		require.Equal(t, 4, mine())
		g.Run(t,
			testkit.Scenario{Name: "oneself", Request: request("DELETE", adminUsers+"/"+rootID, root), Status: 400, Want: detail("Cannot delete your own account")},
			testkit.Scenario{Name: "signed in", Request: withToken(token, "GET", "/api/users/me"), Status: 200},
			testkit.Scenario{Name: "deleted", Request: request("DELETE", adminUsers+"/"+id, root), Status: 204},
			testkit.Scenario{Name: "the token dies at once", Request: withToken(token, "GET", "/api/users/me"), Status: 401, Want: detail("Could not validate credentials")},
			testkit.Scenario{Name: "again", Request: request("DELETE", adminUsers+"/"+id, root), Status: 404, Want: detail("User not found")},
		)
		require.Zero(t, mine())
		require.Equal(t, 1, g.count(t, "users"))
	})
}

func TestActive(t *testing.T) {
	eachTown(t, func(t *testing.T, g town) {
		id, rootID := g.id(t, ann), g.id(t, root)
		patch := func(id string, body ...string) testkit.Request {
			return request("PATCH", adminUsers+"/"+id+"/active", root, body...)
		}
		me := request("GET", "/api/users/me", ann)
		login := testkit.Request{Method: "POST", Path: "/api/auth/login", Type: "application/x-www-form-urlencoded", Body: "username=" + ann + "&password=" + url.QueryEscape(testkit.Password)}
		g.Run(t,
			testkit.Scenario{Name: "in", Request: me, Status: 200},
			testkit.Scenario{Name: "no body toggles", Request: patch(id), Status: 200, Want: []string{`"email":"ann@example.com"`, `"is_active":false`, `"group_count":0`}},
			testkit.Scenario{Name: "out at once", Request: me, Status: 401},
			testkit.Scenario{Name: "cannot sign in", Request: login, Status: 401, Want: detail("Incorrect email or password")},
			testkit.Scenario{Name: "false again changes nothing", Request: patch(id, `{"is_active":false}`), Status: 200, Want: []string{`"is_active":false`}},
			testkit.Scenario{Name: "absent keeps", Request: patch(id, `{"active":true}`), Status: 200, Want: []string{`"is_active":false`}},
			testkit.Scenario{Name: "toggles back", Request: patch(id), Status: 200, Want: []string{`"is_active":true`}},
			testkit.Scenario{Name: "the old session has ended", Request: me, Status: 401},
			testkit.Scenario{Name: "can sign in", Request: login, Status: 200},
			testkit.Scenario{Name: "oneself by toggle", Request: patch(rootID), Status: 400, Want: detail("Cannot deactivate your own account")},
			testkit.Scenario{Name: "oneself", Request: patch(rootID, `{"is_active":false}`), Status: 400, Want: detail("Cannot deactivate your own account")},
			testkit.Scenario{Name: "oneself stays", Request: patch(rootID, `{"is_active":true}`), Status: 200, Want: []string{`"is_active":true`}},
			testkit.Scenario{Name: "null", Request: patch(id, `{"is_active":null}`), Status: 422, Want: []string{"bool_type"}},
			testkit.Scenario{Name: "no object", Request: patch(id, `[]`), Status: 422, Want: []string{"model_attributes_type"}},
			testkit.Scenario{Name: "unknown", Request: patch("00000000-0000-4000-8000-000000000000"), Status: 404, Want: detail("User not found")},
			testkit.Scenario{Name: "malformed", Request: patch("x"), Status: 404, Want: detail("User not found")},
		)
		require.Equal(t, true, truth(g.row(t, id)["is_active"]))
	})
}

func TestAdminEdit(t *testing.T) {
	eachTown(t, func(t *testing.T, g town) {
		id, rootID := g.id(t, ann), g.id(t, root)
		g.id(t, "bob@example.com")
		patch := func(id, body string) testkit.Request { return request("PATCH", adminUsers+"/"+id, root, body) }
		me := request("GET", "/api/users/me", ann)
		g.Run(t,
			testkit.Scenario{Name: "all at once", Request: patch(id, `{"full_name":" <b>Ann</b> ","email":" ANNE@Example.com","is_admin":true}`), Status: 200,
				Want: []string{`"email":"anne@example.com","full_name":"Ann","is_active":true,"is_admin":true,"color_mode":null,"dashboard_app_ids":[],"group_count":0}`}},
			testkit.Scenario{Name: "seen at once by a token from before", Request: me, Status: 200, Want: []string{`"email":"anne@example.com"`, `"is_admin":true`}},
			testkit.Scenario{Name: "promoted at once", Request: request("GET", adminUsers+"?limit=1", ann), Status: 200},
			testkit.Scenario{Name: "taken", Request: patch(id, `{"email":"bob@example.com","full_name":"Bob"}`), Status: 400, Want: detail("Email already registered")},
			testkit.Scenario{Name: "own address", Request: patch(id, `{"email":"Anne@example.com"}`), Status: 200},
			testkit.Scenario{Name: "nothing", Request: patch(id, `{}`), Status: 200, Want: []string{`"email":"anne@example.com","full_name":"Ann"`}},
			testkit.Scenario{Name: "demoted", Request: patch(id, `{"is_admin":false}`), Status: 200, Want: []string{`"is_admin":false`, `"full_name":"Ann"`}},
			testkit.Scenario{Name: "a demoted one's session has ended", Request: me, Status: 401},
			testkit.Scenario{Name: "the last one stays", Request: patch(rootID, `{"is_admin":false,"full_name":"R"}`), Status: 400, Want: detail("At least one active administrator must remain")},
			testkit.Scenario{Name: "the last one may be edited", Request: patch(rootID, `{"is_admin":true}`), Status: 200, Want: []string{`"full_name":null`}},
			testkit.Scenario{Name: "unknown", Request: patch("00000000-0000-4000-8000-000000000000", `{}`), Status: 404, Want: detail("User not found")},
			testkit.Scenario{Name: "malformed", Request: patch("%22", `{"full_name":"x"}`), Status: 404, Want: detail("User not found")},
			testkit.Scenario{Name: "NUL", Request: patch("a%00b", `{"full_name":"x"}`), Status: 404},
			testkit.Scenario{Name: "no body", Request: patch(id, ``), Status: 422, Want: []string{`"loc":["body"]`}},
			testkit.Scenario{Name: "long name", Request: patch(id, `{"full_name":"`+strings.Repeat("ä", 256)+`"}`), Status: 422, Want: []string{"string_too_long"}},
			testkit.Scenario{Name: "name counted in characters", Request: patch(id, `{"full_name":"`+strings.Repeat("ä", 255)+`"}`), Status: 200},
		)

		// With another administrator there, oneself may step down, and is out as an administrator at once.
		g.settle(t, "boss@example.com", asAdmin)
		require.Equal(t, 200, g.Call(t, patch(rootID, `{"is_admin":false}`)).Status)
		require.Equal(t, 401, g.Call(t, request("GET", adminUsers, root)).Status)
		require.Equal(t, 404, g.Call(t, withToken(g.SignIn(t, root, testkit.Password), "GET", adminUsers)).Status)
		require.Equal(t, "anne@example.com", g.row(t, id)["email"])
	})
}

// An inactive administrator does not count as one who remains.
func TestLastActiveAdmin(t *testing.T) {
	eachTown(t, func(t *testing.T, g town) {
		g.settle(t, "boss@example.com", asAdmin, func(u *users.User) { u.IsActive = false })
		rootID := g.id(t, root)
		g.Run(t, testkit.Scenario{Request: request("PATCH", adminUsers+"/"+rootID, root, `{"is_admin":false}`), Status: 400})
		require.Equal(t, true, truth(g.row(t, rootID)["is_superuser"]))
	})
}

// Nobody learns from the admin routes that there are any.
func TestAdminRoutesAreHidden(t *testing.T) {
	eachTown(t, func(t *testing.T, g town) {
		id := g.id(t, ann)
		before := g.row(t, id)
		for _, path := range []string{"", "/" + id, "/" + id + "/active", "/" + id + "/password", "/x", "/x/active"} {
			for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"} {
				for _, body := range []string{"", "{", `{"is_admin":true,"is_active":false,"new_password":"` + newPassword + `"}`} {
					r := g.Call(t, request(method, adminUsers+path, "", body))
					require.Equal(t, 401, r.Status, "%s %s", method, path)
					unknown, r := g.Call(t, request(method, "/api/nowhere", ann, body)), g.Call(t, request(method, adminUsers+path, ann, body))
					for _, reply := range []testkit.Reply{unknown, r} {
						reply.Header.Del("X-Request-Id")
						reply.Header.Del("Date")
					}
					require.Equal(t, 404, r.Status, "%s %s", method, path)
					require.Equal(t, unknown, r, "%s %s", method, path)
				}
			}
		}
		require.Equal(t, before, g.row(t, id))
	})
}

func TestAdminChangesAreLogged(t *testing.T) {
	eachTown(t, func(t *testing.T, g town) {
		r := g.Call(t, request("POST", adminUsers, root, `{"email":"new@example.com","password":"`+newPassword+`","full_name":"Secret Name"}`))
		id, rootID := object(t, r.Body)["id"].(string), g.id(t, root)
		g.Call(t, request("PATCH", adminUsers+"/"+id, root, `{"full_name":"Other","is_admin":true}`))
		g.Call(t, request("PATCH", adminUsers+"/"+id, root, `{}`))
		g.Call(t, request("PATCH", adminUsers+"/"+id+"/active", root))
		g.Call(t, request("POST", adminUsers+"/"+id+"/password", root, `{"new_password":"`+testkit.Password+`"}`))
		reset := object(t, g.Call(t, request("POST", adminUsers+"/"+id+"/password", root)).Body)["token"].(string)
		g.Call(t, request("DELETE", adminUsers+"/"+id, root))
		g.Stop(t)

		var lines []string
		for text := range strings.Lines(g.Log.String()) {
			line := object(t, text)
			if line["actor"] != nil {
				require.Equal(t, rootID, line["actor"])
				require.Equal(t, "127.0.0.1", line["address"])
				require.NotEmpty(t, line["request_id"])
				require.Equal(t, id, line["target"])
				lines = append(lines, strings.TrimSuffix(fmt.Sprint(line["msg"], " ", line["columns"]), " <nil>"))
			}
		}
		require.Equal(t, []string{
			"user created", "user changed full_name is_superuser",
			"user changed is_active tokens_valid_after", "password set", "password reset made", "user deleted",
		}, lines)
		for _, secret := range []string{newPassword, testkit.Password, reset, "Secret Name", "$2a$"} {
			require.NotContains(t, g.Log.String(), secret)
		}
	})
}

// truth reads a boolean column of either database.
func truth(v any) bool {
	switch v := v.(type) {
	case bool:
		return v
	case int64:
		return v == 1
	}
	return false
}

func (g town) group(t *testing.T, name string) string {
	t.Helper()
	r := g.Call(t, request("POST", "/api/admin/groups", root, `{"name":"`+name+`"}`))
	require.Equal(t, 201, r.Status, r.Body)
	return object(t, r.Body)["id"].(string)
}

func (g town) join(t *testing.T, group, user string) {
	t.Helper()
	r := g.Call(t, request("POST", "/api/admin/groups/"+group+"/members/"+user, root))
	require.Equal(t, 201, r.Status, r.Body)
}
