package auth

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"portico.internal/platform/testkit"
)

const (
	boss        = "boss@example.com"
	newPassword = "N3w&Sturdy!bridge"
	hasEnded    = "Could not validate credentials"
)

// staffed starts a gateway with an administrator.
func staffed(t testing.TB, database string, settings map[string]string) *testkit.Gateway {
	environ := map[string]string{"PORTICO_ADMIN_EMAIL": boss, "PORTICO_ADMIN_PASSWORD": testkit.Password}
	for name, value := range settings {
		environ[name] = value
	}
	return start(t, database, environ)
}

func post(token, path, body string) testkit.Request {
	return testkit.Request{Method: http.MethodPost, Path: path, Token: token, Body: body}
}

func logoutAll(token string) testkit.Request { return post(token, "/api/auth/logout-all", "") }

func change(token, current, password string) testkit.Request {
	return post(token, "/api/users/me/password", `{"current_password":"`+current+`","new_password":"`+password+`"}`)
}

func reset(token, password string) testkit.Request {
	return post("", "/api/auth/reset", `{"token":"`+token+`","new_password":"`+password+`"}`)
}

// freshToken reads a reply that must hold a token and nothing else, of which the claims are those of a login.
func freshToken(t *testing.T, r testkit.Reply) string {
	t.Helper()
	require.Equal(t, 200, r.Status, r.Body)
	found := regexp.MustCompile(`^\{"access_token":"([\w-]+\.([\w-]+)\.[\w-]+)","token_type":"bearer"\}$`).FindStringSubmatch(r.Body)
	require.NotNil(t, found, r.Body)
	var claims map[string]any
	require.NoError(t, json.Unmarshal(must(b64.DecodeString(found[2])), &claims))
	require.Len(t, claims, 3)
	iat, exp := claims["iat"].(float64), claims["exp"].(float64)
	require.Equal(t, float64(int64(iat)), iat, "whole seconds")
	require.Equal(t, 8*time.Hour.Seconds(), exp-iat)
	require.Less(t, iat, seconds(time.Now().Add(leeway)))
	return found[1]
}

func TestLogoutAll(t *testing.T) {
	emptyDatabases.Each(t, func(t *testing.T, d testkit.Database) {
		g := start(t, d.URL, nil)
		one, two, other := g.Token(t, owner), g.SignIn(t, owner, testkit.Password), g.Token(t, "other@example.com")
		fresh := freshToken(t, g.Call(t, logoutAll(one)))
		for _, old := range []string{one, two} {
			requireDenied(t, g.Call(t, me(old)), hasEnded, "at once")
			requireDenied(t, g.Call(t, logoutAll(old)), hasEnded, "and for good")
			requireDenied(t, g.Call(t, change(old, testkit.Password, newPassword)), hasEnded, "whatever is asked")
		}
		for _, good := range []string{fresh, other, g.SignIn(t, owner, testkit.Password)} {
			require.Equal(t, 200, g.Call(t, me(good)).Status)
		}
		again := freshToken(t, g.Call(t, logoutAll(fresh)))
		requireDenied(t, g.Call(t, me(fresh)), hasEnded, "within the same second too")
		require.Equal(t, 200, g.Call(t, me(again)).Status)
		requireDenied(t, g.Call(t, logoutAll("")), "Not authenticated", "nobody")
		get := logoutAll(again)
		get.Method = http.MethodGet
		require.Equal(t, 405, g.Call(t, get).Status)
	})
}

// Of a hundred at once one goes on, and only that one.
func TestLogoutAllAtOnce(t *testing.T) {
	emptyDatabases.Each(t, func(t *testing.T, d testkit.Database) {
		replicas := []*testkit.Gateway{start(t, d.URL, nil), start(t, d.URL, nil)}
		token := replicas[0].Token(t, owner)
		require.Equal(t, 200, replicas[1].Call(t, me(token)).Status)
		replies := make([]testkit.Reply, 100)
		var wg sync.WaitGroup
		for i := range replies {
			wg.Go(func() { replies[i] = replicas[i%2].Call(t, logoutAll(token)) })
		}
		wg.Wait()
		http.DefaultClient.CloseIdleConnections()
		var fresh []string
		for _, r := range replies {
			if r.Status == 200 {
				fresh = append(fresh, freshToken(t, r))
				continue
			}
			requireDenied(t, r, hasEnded, "one of the others")
		}
		require.Len(t, fresh, 1)
		require.Equal(t, 200, replicas[0].Call(t, me(fresh[0])).Status)
	})
}

// A replica may believe in an ended token for a second, but makes no new one of it.
func TestEndReachesOtherReplicas(t *testing.T) {
	emptyDatabases.Each(t, func(t *testing.T, d testkit.Database) {
		here, there := start(t, d.URL, nil), start(t, d.URL, nil)
		stolen, own := here.Token(t, owner), here.SignIn(t, owner, testkit.Password)
		require.Equal(t, 200, there.Call(t, me(stolen)).Status)
		fresh := freshToken(t, here.Call(t, logoutAll(own)))
		require.Eventually(t, func() bool {
			requireDenied(t, there.Call(t, logoutAll(stolen)), hasEnded, "a new token for an ended one")
			requireDenied(t, there.Call(t, change(stolen, testkit.Password, newPassword)), hasEnded, "a new password for an ended one")
			return there.Call(t, me(stolen)).Status == 401
		}, 10*time.Second, 20*time.Millisecond)
		require.Equal(t, 200, there.Call(t, me(fresh)).Status)
		require.Equal(t, 200, there.Call(t, signIn(owner, testkit.Password)).Status, "the password is the old one")
	})
}

func TestChangePassword(t *testing.T) {
	emptyDatabases.Each(t, func(t *testing.T, d testkit.Database) {
		g := start(t, d.URL, nil)
		token, second := g.Token(t, owner), g.SignIn(t, owner, testkit.Password)
		body := func(text string) testkit.Request { return post(token, "/api/users/me/password", text) }
		const path = `"loc":["body",`
		g.Run(t,
			testkit.Scenario{Name: "nobody", Request: change("", testkit.Password, newPassword), Status: 401},
			testkit.Scenario{Name: "wrong", Request: change(token, "Wr0ng&canary-aaaa", newPassword), Status: 400, Want: []string{`{"detail":"Current password is incorrect"}`}, Not: []string{"canary"}},
			testkit.Scenario{Name: "right and more", Request: change(token, testkit.Password+"x", newPassword), Status: 400},
			testkit.Scenario{Name: "no password is that long", Request: change(token, testkit.Password+strings.Repeat("x", 99), newPassword), Status: 400},
			testkit.Scenario{Name: "weak", Request: change(token, testkit.Password, "canary"), Status: 422, Not: []string{"canary", testkit.Password}, Want: []string{path + `"new_password"],"msg":"Value error, Password must be at least 8 characters"`}},
			testkit.Scenario{Name: "over 72 bytes", Request: change(token, testkit.Password, newPassword+strings.Repeat("é", 28)), Status: 422, Not: []string{newPassword}, Want: []string{"72 bytes"}},
			testkit.Scenario{Name: "missing", Request: body(`{"password":"` + newPassword + `"}`), Status: 422, Not: []string{newPassword}, Want: []string{path + `"current_password"],"msg":"Field required"`, path + `"new_password"],"msg":"Field required"`}},
			testkit.Scenario{Name: "null, false", Request: body(`{"current_password":null,"new_password":false}`), Status: 422, Want: []string{path + `"current_password"],"msg":"Input should be a valid string"`, path + `"new_password"],"msg":"Input should be a valid string"`}},
			testkit.Scenario{Name: "empty, list", Request: body(`{"current_password":"","new_password":[]}`), Status: 422, Want: []string{path + `"new_password"]`}, Not: []string{path + `"current_password"]`}},
			testkit.Scenario{Name: "no body", Request: body(``), Status: 422, Want: []string{`"loc":["body"]`}},
			testkit.Scenario{Name: "nothing has changed", Request: me(second), Status: 200},
		)
		fresh := freshToken(t, g.Call(t, change(token, testkit.Password, newPassword)))
		requireDenied(t, g.Call(t, me(token)), hasEnded, "the one it was asked with")
		requireDenied(t, g.Call(t, me(second)), hasEnded, "another session")
		require.Equal(t, 200, g.Call(t, me(fresh)).Status)
		require.Equal(t, 401, g.Call(t, signIn(owner, testkit.Password)).Status)
		require.Equal(t, 200, g.Call(t, signIn(owner, newPassword)).Status)
		g.Stop(t)
		for _, secret := range []string{"canary", testkit.Password, newPassword, "$2a$", strings.Split(fresh, ".")[1]} {
			require.NotContains(t, g.Log.String(), secret)
		}
		require.Contains(t, g.Log.String(), `"msg":"password change failed"`)
		require.Contains(t, g.Log.String(), `"msg":"password changed"`)
	})
}

// Whoever has got hold of a session cannot try passwords faster than at the login.
func TestPasswordChangeIsThrottledLikeLogins(t *testing.T) {
	emptyDatabases.Each(t, func(t *testing.T, d testkit.Database) {
		g := start(t, d.URL, map[string]string{"PORTICO_LOGIN_FAILURES_PER_MINUTE": "3", "PORTICO_TRUSTED_PROXIES": "127.0.0.1"})
		token := g.Token(t, owner)
		require.Equal(t, 401, g.Call(t, from("192.0.2.1", signIn(owner, "wrong"))).Status)
		var wg sync.WaitGroup
		statuses := make([]int, 10)
		for i := range statuses {
			wg.Go(func() { statuses[i] = g.Call(t, from("192.0.2.1", change(token, "wrong", newPassword))).Status })
		}
		wg.Wait()
		count := map[int]int{}
		for _, s := range statuses {
			count[s]++
		}
		require.Equal(t, map[int]int{400: 2, 429: 8}, count)
		r := g.Call(t, from("192.0.2.1", change(token, testkit.Password, newPassword)))
		require.Equal(t, 429, r.Status, "not even with the right one")
		require.NotEmpty(t, r.Header.Get("Retry-After"))
		require.Equal(t, 429, g.Call(t, from("192.0.2.1", signIn(owner, testkit.Password))).Status, "it is one account")
		require.Equal(t, 422, g.Call(t, from("192.0.2.1", change(token, "wrong", "weak"))).Status, "what is not tried does not count")
		require.Equal(t, 200, g.Call(t, from("192.0.2.2", change(token, testkit.Password, newPassword))).Status, "from another address")
	})
}

func TestPasswordReset(t *testing.T) {
	emptyDatabases.Each(t, func(t *testing.T, d testkit.Database) {
		g := staffed(t, d.URL, map[string]string{"PORTICO_REGISTRATION": "open"})
		token := g.Token(t, owner)
		id := idOf(t, g, token)
		path := "/api/admin/users/" + id + "/password"
		bossToken := g.SignIn(t, boss, testkit.Password)
		made := func() string {
			r := g.Call(t, post(bossToken, path, ""))
			require.Equal(t, 200, r.Status, r.Body)
			found := regexp.MustCompile(`^\{"token":"(\w{26})","expires_at":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"\}$`).FindStringSubmatch(r.Body)
			require.NotNil(t, found, r.Body)
			return found[1]
		}
		code := made()
		requireDenied(t, g.Call(t, me(token)), hasEnded, "the sessions have ended")
		token = g.SignIn(t, owner, testkit.Password)
		bad := []string{`{"detail":"Invalid or expired reset token"}`}
		g.Run(t,
			testkit.Scenario{Name: "unknown", Request: reset("canary", newPassword), Status: 400, Want: bad, Not: []string{"canary"}},
			testkit.Scenario{Name: "empty", Request: reset("", newPassword), Status: 400, Want: bad},
			testkit.Scenario{Name: "weak", Request: reset(code, "canary"), Status: 422, Not: []string{"canary", code}, Want: []string{`"loc":["body","new_password"],"msg":"Value error, Password must be at least 8 characters"`}},
			testkit.Scenario{Name: "missing", Request: post("", "/api/auth/reset", `{"tokn":"`+code+`"}`), Status: 422, Not: []string{code}, Want: []string{`"loc":["body","token"]`, `"loc":["body","new_password"]`}},
			testkit.Scenario{Name: "null, list", Request: post("", "/api/auth/reset", `{"token":null,"new_password":[]}`), Status: 422, Want: []string{`"loc":["body","token"]`, `"loc":["body","new_password"]`}},
			testkit.Scenario{Name: "no body", Request: post("", "/api/auth/reset", ``), Status: 422, Want: []string{`"loc":["body"]`}},
		)
		fresh := freshToken(t, g.Call(t, reset(code, newPassword)))
		require.Equal(t, id, idOf(t, g, fresh))
		requireDenied(t, g.Call(t, me(token)), hasEnded, "another session")
		require.Equal(t, 400, g.Call(t, reset(code, testkit.Password)).Status, "used")
		require.Equal(t, 401, g.Call(t, signIn(owner, testkit.Password)).Status)
		require.Equal(t, 200, g.Call(t, signIn(owner, newPassword)).Status)

		set := func(path, body string) testkit.Request { return post(bossToken, path, body) }
		g.Run(t,
			testkit.Scenario{Name: "weak one set", Request: set(path, `{"new_password":"canary"}`), Status: 422, Not: []string{"canary"}},
			testkit.Scenario{Name: "none set", Request: set(path, `{}`), Status: 422, Want: []string{`"loc":["body","new_password"],"msg":"Field required"`}},
			testkit.Scenario{Name: "null set", Request: set(path, `{"new_password":null}`), Status: 422, Want: []string{`"loc":["body","new_password"]`}},
			testkit.Scenario{Name: "empty set", Request: set(path, `{"new_password":""}`), Status: 422},
			testkit.Scenario{Name: "still in", Request: me(fresh), Status: 200},
			testkit.Scenario{Name: "set", Request: set(path, `{"new_password":"`+testkit.Password+`"}`), Status: 204},
			testkit.Scenario{Name: "out", Request: me(fresh), Status: 401},
			testkit.Scenario{Name: "new password", Request: signIn(owner, testkit.Password), Status: 200},
			testkit.Scenario{Name: "of nobody", Request: set("/api/admin/users/x/password", ``), Status: 404, Want: []string{`{"detail":"User not found"}`}},
			testkit.Scenario{Name: "for nobody", Request: set("/api/admin/users/x/password", `{"new_password":"`+testkit.Password+`"}`), Status: 404, Want: []string{`{"detail":"User not found"}`}},
			testkit.Scenario{Name: "one's own", Request: set("/api/admin/users/"+idOf(t, g, bossToken)+"/password", `{"new_password":"`+newPassword+`"}`), Status: 400},
		)
		g.Run(t, testkit.Scenario{Name: "not for users", Request: post(g.SignIn(t, owner, testkit.Password), path, ""), Status: 404, Want: []string{`{"detail":"Not Found"}`}})
		unused := made()
		g.Stop(t)
		for _, secret := range []string{"canary", testkit.Password, newPassword, code, unused, "$2a$"} {
			require.NotContains(t, g.Log.String(), secret)
		}
		for _, what := range []string{"password reset failed", "password reset made", "password reset", "password set"} {
			require.Contains(t, g.Log.String(), `"msg":"`+what+`"`)
		}
	})
}

// A closed door keeps newcomers out, not those who have lost their password.
func TestResetWhereRegistrationIsClosed(t *testing.T) {
	g := staffed(t, emptyDatabases.SQLite(t).URL, map[string]string{"PORTICO_REGISTRATION": "closed"})
	require.Equal(t, 400, g.Call(t, reset("x", newPassword)).Status)
}
