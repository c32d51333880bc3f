package auth

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"portico.internal/platform/testkit"
)

const wrongLogin = `{"detail":"Incorrect email or password"}`

func TestLogin(t *testing.T) {
	emptyDatabases.Each(t, func(t *testing.T, d testkit.Database) {
		g := start(t, d.URL, nil)
		g.Token(t, owner)
		g.Token(t, "inactive@example.com")
		require.NoError(t, d.Open(t).Exec("UPDATE users SET is_active = false WHERE email = 'inactive@example.com'").Error)
		long := "Aa1!" + strings.Repeat("x", 68) // 72 bytes, all that bcrypt looks at
		require.Equal(t, http.StatusCreated, g.Call(t, registerBody(`{"email":"long@example.com","password":"`+long+`"}`)).Status)

		multipart := testkit.Request{Method: http.MethodPost, Path: "/api/auth/login", Type: "multipart/form-data; boundary=x",
			Body: "--x\r\nContent-Disposition: form-data; name=\"username\"\r\n\r\n" + owner +
				"\r\n--x\r\nContent-Disposition: form-data; name=\"password\"\r\n\r\n" + testkit.Password + "\r\n--x--\r\n"}
		good := url.Values{"username": {owner}, "password": {testkit.Password}}
		with := func(name, value string) url.Values {
			values := url.Values{name: {value}}
			for k, v := range good {
				values[k] = v
			}
			return values
		}
		without := func(name string) url.Values { return url.Values{name: good[name]} }
		const missing = `{"type":"missing","loc":["body","%s"],"msg":"Field required","input":null}`
		json := loginForm(nil)
		json.Type, json.Body = "application/json", `{"username":"`+owner+`","password":"`+testkit.Password+`"}`
		untyped := loginForm(good)
		untyped.Type = "text/plain"
		noBoundary := multipart
		noBoundary.Type = "multipart/form-data"
		for _, c := range []struct {
			name    string
			request testkit.Request
			status  int
			body    string // empty: a token
		}{
			{"right", signIn(owner, testkit.Password), 200, ""},
			{"72 bytes", signIn("long@example.com", long), 200, ""},
			{"other spelling of the address", signIn("  OWNER@Example.com ", testkit.Password), 200, ""},
			{"multipart", multipart, 200, ""},
			{"grant_type password", loginForm(with("grant_type", "password")), 200, ""},
			{"grant_type empty", loginForm(with("grant_type", "")), 200, ""},
			{"scope and client ignored", loginForm(with("scope", "me")), 200, ""},

			{"wrong password", signIn(owner, "wrong"), 401, wrongLogin},
			{"password in other case", signIn(owner, strings.ToLower(testkit.Password)), 401, wrongLogin},
			{"password and more", signIn(owner, testkit.Password+" "), 401, wrongLogin},
			{"unknown", signIn("nobody@example.com", testkit.Password), 401, wrongLogin},
			{"not an address", signIn("owner", testkit.Password), 401, wrongLogin},
			{"inactive", signIn("inactive@example.com", testkit.Password), 401, wrongLogin},
			{"over 72 bytes", signIn("long@example.com", long+"x"), 401, wrongLogin},
			{"far over 72 bytes", signIn(owner, strings.Repeat("x", 100_000)), 401, wrongLogin},
			{"long address", signIn(strings.Repeat("x", 100_000), testkit.Password), 401, wrongLogin},
			{"NUL in the password", signIn(owner, testkit.Password+"\x00"), 401, wrongLogin},
			{"NUL in the address", signIn(owner+"\x00", testkit.Password), 401, wrongLogin},
			{"no UTF-8 in the password", signIn(owner, testkit.Password+"\xff"), 401, wrongLogin},
			{"no UTF-8 in the address", signIn("\xff"+owner, testkit.Password), 401, wrongLogin},
			{"hash for a password", signIn(owner, "$2b$04$"+strings.Repeat(".", 53)), 401, wrongLogin},

			{"no username", loginForm(without("password")), 422, `{"detail":[` + fmt.Sprintf(missing, "username") + `]}`},
			{"no password", loginForm(without("username")), 422, `{"detail":[` + fmt.Sprintf(missing, "password") + `]}`},
			{"empty password", loginForm(url.Values{"username": {owner}, "password": {""}}), 422, `{"detail":[` + fmt.Sprintf(missing, "password") + `]}`},
			{"nothing", loginForm(nil), 422, `{"detail":[` + fmt.Sprintf(missing, "username") + `,` + fmt.Sprintf(missing, "password") + `]}`},
			{"JSON", json, 422, `{"detail":[` + fmt.Sprintf(missing, "username") + `,` + fmt.Sprintf(missing, "password") + `]}`},
			{"text", untyped, 422, `{"detail":[` + fmt.Sprintf(missing, "username") + `,` + fmt.Sprintf(missing, "password") + `]}`},
			{"other grant_type", loginForm(with("grant_type", "foo")), 422,
				`{"detail":[{"type":"string_pattern_mismatch","loc":["body","grant_type"],"msg":"String should match pattern '^password$'","input":"foo","ctx":{"pattern":"^password$"}}]}`},
			{"multipart without boundary", noBoundary, 400, `{"detail":"Missing boundary in multipart."}`},
			{"GET", testkit.Request{Method: http.MethodGet, Path: "/api/auth/login"}, 405, `{"detail":"Method Not Allowed"}`},
		} {
			t.Run(c.name, func(t *testing.T) {
				r := g.Call(t, c.request)
				require.Equal(t, c.status, r.Status, r.Body)
				require.Equal(t, "application/json", r.Header.Get("Content-Type"))
				switch c.status {
				case 200:
					require.Regexp(t, `^\{"access_token":"eyJ[\w-]+\.[\w-]+\.[\w-]+","token_type":"bearer"\}$`, r.Body)
				case 401:
					require.Equal(t, "Bearer", r.Header.Get("WWW-Authenticate"))
				case 405:
					require.Equal(t, "POST", r.Header.Get("Allow"))
				}
				if c.body != "" {
					require.Equal(t, c.body, r.Body)
				}
			})
		}
	})
}

func TestTokensOverHTTP(t *testing.T) {
	emptyDatabases.Each(t, func(t *testing.T, d testkit.Database) {
		g := start(t, d.URL, nil)
		db := d.Open(t)
		token := g.Token(t, owner)
		id := idOf(t, g, token)
		byHand := func(sub string) string {
			return sign(ourKey(), rs256, pythonClaims(sub, time.Now(), time.Hour))
		}
		require.Equal(t, id, idOf(t, g, byHand(id)), "of the FastAPI backend")

		for name, bad := range map[string]string{
			"garbage":      "x",
			"other key":    sign(otherKey(), rs256, pythonClaims(id, time.Now(), time.Hour)),
			"expired":      sign(ourKey(), rs256, pythonClaims(id, time.Now().Add(-2*time.Hour), time.Hour)),
			"unsecured":    b64.EncodeToString([]byte(`{"alg":"none"}`)) + "." + b64.EncodeToString([]byte(pythonClaims(id, time.Now(), time.Hour))) + ".",
			"unknown user": byHand(someID),
			"no UUID":      byHand(owner),
		} {
			requireDenied(t, g.Call(t, me(bad)), "Could not validate credentials", name)
		}
		for name, header := range map[string][]string{"none": nil, "other scheme": {"Basic " + token}, "raw": {token}} {
			requireDenied(t, g.Call(t, withAuthorization(header)), "Not authenticated", name)
		}
		require.Equal(t, 401, g.Call(t, testkit.Request{Method: http.MethodGet, Path: "/api/users/me?access_token=" + token}).Status)
		requireDenied(t, g.Call(t, withAuthorization([]string{"Bearer"})), "Could not validate credentials", "no token")
		requireDenied(t, g.Call(t, withAuthorization([]string{"Bearer " + token, "Bearer " + token})), "Could not validate credentials", "twice")
		for _, value := range []string{"bearer " + token, "BEARER  " + token + " "} {
			require.Equal(t, 200, g.Call(t, withAuthorization([]string{value})).Status)
		}

		// Changed by another process, so within a second.
		for _, change := range []struct {
			sql    string
			status int
		}{
			{"UPDATE users SET is_active = false", 401},
			{"UPDATE users SET is_active = true", 200},
			{"DELETE FROM users", 401},
		} {
			require.NoError(t, db.Exec(change.sql).Error)
			require.Eventually(t, func() bool { return g.Call(t, me(token)).Status == change.status }, 10*time.Second, 20*time.Millisecond, change.sql)
		}
		requireDenied(t, g.Call(t, me(token)), "Could not validate credentials", "deleted")
	})
}

func withAuthorization(values []string) testkit.Request {
	return testkit.Request{Method: http.MethodGet, Path: "/api/users/me", Header: http.Header{"Authorization": values}}
}

func requireDenied(t *testing.T, r testkit.Reply, detail, name string) {
	t.Helper()
	require.Equal(t, 401, r.Status, name)
	require.Equal(t, "Bearer", r.Header.Get("WWW-Authenticate"), name)
	require.Equal(t, `{"detail":"`+detail+`"}`, r.Body, name)
}

func idOf(t *testing.T, g *testkit.Gateway, token string) string {
	t.Helper()
	r := g.Call(t, me(token))
	require.Equal(t, 200, r.Status, r.Body)
	var user struct{ ID string }
	require.NoError(t, json.Unmarshal([]byte(r.Body), &user))
	return user.ID
}

func TestTokenExpiryIsConfigured(t *testing.T) {
	g := start(t, emptyDatabases.SQLite(t).URL, map[string]string{"EXPIRE_MINUTES": "5"})
	var claims struct{ Sub, Exp, Iat any }
	require.NoError(t, json.Unmarshal(must(b64.DecodeString(strings.Split(g.Token(t, owner), ".")[1])), &claims))
	require.Equal(t, 300.0, claims.Exp.(float64)-claims.Iat.(float64))
}

func TestLoginThrottle(t *testing.T) {
	emptyDatabases.Each(t, func(t *testing.T, d testkit.Database) {
		g := start(t, d.URL, map[string]string{"PORTICO_LOGIN_FAILURES_PER_MINUTE": "3", "PORTICO_TRUSTED_PROXIES": "127.0.0.1"})
		g.Token(t, owner)
		var replies sync.Map
		var wg sync.WaitGroup
		for i := range 20 {
			wg.Go(func() { replies.Store(i, g.Call(t, from("192.0.2.1", signIn(owner, "wrong")))) })
		}
		wg.Wait()
		count := map[int]int{}
		replies.Range(func(_, r any) bool { count[r.(testkit.Reply).Status]++; return true })
		require.Equal(t, map[int]int{401: 3, 429: 17}, count, "none of those sent at once slips through")

		r := g.Call(t, from("192.0.2.1", signIn(" OWNER@example.com", testkit.Password)))
		require.Equal(t, 429, r.Status, "not even with the right password, in whatever spelling")
		require.Equal(t, `{"detail":"Too many failed logins, try again later"}`, r.Body)
		seconds := must(strconv.Atoi(r.Header.Get("Retry-After")))
		require.GreaterOrEqual(t, seconds, 1)
		require.LessOrEqual(t, seconds, 60)
		require.Equal(t, 200, g.Call(t, from("192.0.2.2", signIn(owner, testkit.Password))).Status, "from another address")

		for i := range 30 - 3 {
			require.Equal(t, 401, g.Call(t, from("192.0.2.1", signIn(fmt.Sprintf("user%d@example.com", i), "wrong"))).Status)
		}
		require.Equal(t, 429, g.Call(t, from("192.0.2.1", signIn("fresh@example.com", "wrong"))).Status, "the address has had its share")
		require.Equal(t, 200, g.Call(t, from("192.0.2.2", signIn(owner, testkit.Password))).Status)
	})
}

// A second replica, and one that has been started anew, know of the failures at the first.
func TestLoginThrottleIsSharedAndOutlivesARestart(t *testing.T) {
	emptyDatabases.Each(t, func(t *testing.T, d testkit.Database) {
		settings := map[string]string{"PORTICO_LOGIN_FAILURES_PER_MINUTE": "4", "PORTICO_TRUSTED_PROXIES": "127.0.0.1"}
		first, second := start(t, d.URL, settings), start(t, d.URL, settings)
		first.Token(t, owner)
		var replies sync.Map
		var all sync.WaitGroup
		for i := range 40 {
			g := []*testkit.Gateway{first, second}[i%2]
			all.Go(func() { replies.Store(i, g.Call(t, from("192.0.2.1", signIn(owner, "wrong")))) })
		}
		all.Wait()
		count := map[int]int{}
		replies.Range(func(_, r any) bool { count[r.(testkit.Reply).Status]++; return true })
		require.Equal(t, map[int]int{401: 4, 429: 36}, count)

		require.Equal(t, 0, first.Stop(t))
		third := start(t, d.URL, settings)
		for _, g := range []*testkit.Gateway{second, third} {
			r := g.Call(t, from("192.0.2.1", signIn(owner, testkit.Password)))
			require.Equal(t, 429, r.Status, r.Body)
			require.Equal(t, `{"detail":"Too many failed logins, try again later"}`, r.Body)
			require.Regexp(t, `^([1-9]|[1-5]\d|60)$`, r.Header.Get("Retry-After"))
			require.Equal(t, 200, g.Call(t, from("192.0.2.2", signIn(owner, testkit.Password))).Status, "from another address")
		}

		require.NoError(t, d.Open(t).Exec("UPDATE login_failures SET failed_at = failed_at - ?", window.Microseconds()).Error)
		require.Equal(t, 200, third.Call(t, from("192.0.2.1", signIn(owner, testkit.Password))).Status, "a minute later")
	})
}

// A database that cannot count failures lets nobody in, and calls no password wrong.
func TestLoginWithoutItsDatabase(t *testing.T) {
	relay := testkit.NewRelay(t, emptyDatabases.Postgres(t).URL)
	g := start(t, relay.URL, map[string]string{"PORTICO_LOGIN_FAILURES_PER_MINUTE": "1"})
	g.Token(t, owner)
	relay.Down()
	for _, password := range []string{"wrong", testkit.Password} {
		r := g.Call(t, signIn(owner, password))
		require.Equal(t, 503, r.Status, r.Body)
		require.NotEmpty(t, r.Header.Get("Retry-After"))
	}
	relay.Up()
	require.Eventually(t, func() bool { return g.Call(t, signIn(owner, testkit.Password)).Status == 200 }, 10*time.Second, 20*time.Millisecond)
}

func TestLoginAddressIsNotTakenFromStrangers(t *testing.T) {
	g := start(t, emptyDatabases.SQLite(t).URL, map[string]string{"PORTICO_LOGIN_FAILURES_PER_MINUTE": "1"})
	require.Equal(t, 401, g.Call(t, from("192.0.2.1", signIn(owner, "wrong"))).Status)
	require.Equal(t, 429, g.Call(t, from("192.0.2.2", signIn(owner, "wrong"))).Status)
}

func TestThrottlingOff(t *testing.T) {
	g := start(t, emptyDatabases.SQLite(t).URL, map[string]string{"PORTICO_LOGIN_FAILURES_PER_MINUTE": "0"})
	var wg sync.WaitGroup
	for range 30 {
		wg.Go(func() { assert.Equal(t, 401, g.Call(t, signIn(owner, "wrong")).Status) })
	}
	wg.Wait()
}

// What the database cannot say must not look like a bad token, which would end the dashboard's session.
func TestFailureIsNoBadToken(t *testing.T) {
	emptyDatabases.Each(t, func(t *testing.T, d testkit.Database) {
		g := start(t, d.URL, nil)
		token := g.Token(t, owner)
		require.NoError(t, d.Open(t).Exec("ALTER TABLE users RENAME TO hidden").Error)
		require.Eventually(t, func() bool { return g.Call(t, me(token)).Status == 500 }, 10*time.Second, 20*time.Millisecond)
		require.Equal(t, 500, g.Call(t, signIn(owner, testkit.Password)).Status)
	})
}

func TestLoginLog(t *testing.T) {
	const wrong, misplaced = "Wr0ng&canary-aaaa", "Wr0ng&canary-bbbb"
	g := start(t, emptyDatabases.SQLite(t).URL, map[string]string{"PORTICO_LOGIN_FAILURES_PER_MINUTE": "2"})
	token := g.Token(t, owner)
	id := idOf(t, g, token)
	require.Equal(t, 401, g.Call(t, signIn(owner, wrong)).Status)
	require.Equal(t, 401, g.Call(t, signIn("stranger@example.com", wrong)).Status)
	require.Equal(t, 401, g.Call(t, signIn(misplaced, wrong)).Status)
	require.Equal(t, 401, g.Call(t, signIn(owner, wrong)).Status)
	require.Equal(t, 429, g.Call(t, signIn(owner, wrong)).Status)
	require.Equal(t, 401, g.Call(t, me(token+"x")).Status)
	require.Equal(t, 422, g.Call(t, registerBody(`{"email":"x","password":"`+wrong+`"}`)).Status)
	g.Stop(t)

	type line struct{ Msg, Email, Address, Level, UserID string }
	var lines []line
	for text := range strings.Lines(g.Log.String()) {
		var l map[string]any
		require.NoError(t, json.Unmarshal([]byte(text), &l), text)
		str := func(k string) string { s, _ := l[k].(string); return s }
		if strings.HasPrefix(str("msg"), "login") || str("msg") == "registered" {
			require.NotEmpty(t, str("request_id"))
			lines = append(lines, line{Msg: str("msg"), Email: str("email"), Address: str("address"), UserID: str("user_id"), Level: str("level")})
		}
	}
	require.Equal(t, []line{
		{Msg: "registered", Email: owner, Address: "127.0.0.1", UserID: id, Level: "INFO"},
		{Msg: "login", Email: owner, Address: "127.0.0.1", UserID: id, Level: "INFO"},
		{Msg: "login failed", Email: owner, Address: "127.0.0.1", UserID: id, Level: "WARN"},
		{Msg: "login failed", Email: "stranger@example.com", Address: "127.0.0.1", Level: "WARN"},
		{Msg: "login failed", Address: "127.0.0.1", Level: "WARN"},
		{Msg: "login failed", Email: owner, Address: "127.0.0.1", UserID: id, Level: "WARN"},
		{Msg: "login throttled", Email: owner, Address: "127.0.0.1", Level: "WARN"},
	}, lines)
	for _, secret := range []string{wrong, misplaced, testkit.Password, "canary", "$2a$", "$2b$", "PRIVATE KEY", strings.Split(token, ".")[1], strings.Split(token, ".")[2]} {
		require.NotContains(t, g.Log.String(), secret)
		require.NotContains(t, g.Out.String(), secret)
	}
}
