package main_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"portico.internal/platform/testkit"
)

var shownPassword = regexp.MustCompile(`(?m)^Password: (\S+)$`)

// An operator makes administrators and gives new passwords beside a running gateway, which takes notice.
func TestAdmin(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, d testkit.Database) {
		t.Parallel()
		p := in(t, on(d))
		g := p.serve(t)
		typing := func(password string) program { return program{dir: p.dir, env: p.env, stdin: password + "\n"} }
		const root, other = "root@example.com", "other@example.com"

		made := typing(testkit.Password).succeeds(t, "admin", "create", "--email", " Root@Example.COM", "--full-name", "Ruth", "--password-stdin")
		require.Contains(t, made, root)
		require.NotContains(t, made, testkit.Password)
		me := g.get(t, g.SignIn(t, root, testkit.Password), "/api/users/me").Body
		require.Contains(t, me, `"is_admin":true`)
		require.Contains(t, me, `"full_name":"Ruth"`)
		require.Contains(t, typing(testkit.Password).fails(t, "admin", "create", "--email", root, "--password-stdin"), "already registered")

		made = p.succeeds(t, "admin", "create", "--email", other)
		require.Len(t, shownPassword.FindAllString(made, -1), 1, made)

		reset := p.succeeds(t, "admin", "reset-password", "--email", root)
		shown := shownPassword.FindAllStringSubmatch(reset, -1)
		require.Len(t, shown, 1, reset)
		g.SignIn(t, root, shown[0][1])
		require.Equal(t, http.StatusUnauthorized, g.signInFails(t, root, testkit.Password))

		const chosen = "An0ther&Sturdy!bridge"
		require.NotContains(t, typing(chosen).succeeds(t, "admin", "reset-password", "--email", other, "--password-stdin"), chosen)
		g.SignIn(t, other, chosen)
		require.Equal(t, 0, g.stop(t))

		// Where there is an administrator the configured first one is not made.
		more := program{dir: p.dir, env: p.env.with(env{"PORTICO_ADMIN_EMAIL": "third@example.com", "PORTICO_ADMIN_PASSWORD": testkit.Password})}
		g = more.serve(t)
		require.Equal(t, http.StatusUnauthorized, g.signInFails(t, "third@example.com", testkit.Password))
		require.NotContains(t, g.err.String(), "first administrator")
		require.NotRegexp(t, firstAdmin, g.out.String())
		require.Equal(t, 0, g.stop(t))
	})
}

func (g *gateway) signInFails(t testing.TB, email, password string) int {
	t.Helper()
	body := url.Values{"username": {email}, "password": {password}}.Encode()
	r := g.Call(t, testkit.Request{Method: http.MethodPost, Path: "/api/auth/login", Type: "application/x-www-form-urlencoded", Body: body})
	require.JSONEq(t, `{"detail":"Incorrect email or password"}`, r.Body)
	return r.Status
}

func TestAdminRefuses(t *testing.T) {
	t.Parallel()
	p := in(t, on(testkit.Prepared(nil).SQLite(t)))
	for stdin, rule := range map[string]string{
		"Sh0rt!":                                 "8 characters",
		"no-upper-case-1":                        "uppercase",
		"NO-LOWER-CASE-1":                        "lowercase",
		"No-digit-here":                          "digit",
		"NoSymbolHere1":                          "special",
		"MyP@ssw0rd!":                            "common word",
		strings.Repeat("Long-1", 13):             "72 bytes",
		"One-line-1\nand another one":            "more than one line",
		"Nul-\x00-inside-1":                      "NUL",
		"":                                       "8 characters",
		"\n" + testkit.Password + " after a gap": "more than one line",
	} {
		p.stdin = stdin
		for _, command := range []string{"create", "reset-password"} {
			line := p.fails(t, "admin", command, "--email", "root@example.com", "--password-stdin")
			require.Contains(t, line, rule)
			require.False(t, len(stdin) > 0 && strings.Contains(line, stdin), "the password is shown")
		}
	}
	p.stdin = testkit.Password
	require.Contains(t, p.fails(t, "admin", "create", "--email", "nobody", "--password-stdin"), "valid email")
	require.Contains(t, p.fails(t, "admin", "reset-password", "--email", "nobody@example.com", "--password-stdin"), "nobody@example.com")
	for _, flag := range [][]string{{"--password", canary}, {"--password=" + canary}} {
		line := p.fails(t, append([]string{"admin", "create", "--email", "root@example.com"}, flag...)...)
		require.Equal(t, "portico: unknown flag: --password", line)
	}
}
