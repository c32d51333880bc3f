package auth

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"portico.internal/platform/testkit"
)

func TestRegister(t *testing.T) {
	emptyDatabases.Each(t, func(t *testing.T, d testkit.Database) {
		g := start(t, d.URL, nil)
		r := g.Call(t, registerBody(`{"email":" Owner@Example.COM ","password":"`+testkit.Password+`","full_name":" <b>Ann</b> ","is_admin":true,"is_superuser":true}`))
		require.Equal(t, 201, r.Status, r.Body)
		require.Regexp(t, `^\{"id":"[0-9a-f-]{36}","email":"owner@example.com","full_name":"Ann","is_active":true,"is_admin":false,"color_mode":null\}$`, r.Body)
		g.Run(t,
			testkit.Scenario{Name: "no name", Request: registerBody(`{"email":"noname@example.com","password":"` + testkit.Password + `"}`), Status: 201, Want: []string{`"full_name":null`}},
			testkit.Scenario{Name: "null name", Request: registerBody(`{"email":"null@example.com","password":"` + testkit.Password + `","full_name":null}`), Status: 201, Want: []string{`"full_name":null`}},
			testkit.Scenario{Name: "taken", Request: registerBody(`{"email":"OWNER@example.com","password":"` + testkit.Password + `"}`), Status: 400, Want: []string{`{"detail":"Email already registered"}`}},
			testkit.Scenario{Name: "every fault", Request: registerBody(`{"email":"nope","password":"canary","full_name":7}`), Status: 422, Not: []string{"canary"}, Want: []string{
				`{"detail":[{"type":"value_error","loc":["body","email"],"msg":"value is not a valid email address: An email address must have an @-sign.","input":"nope","ctx":{"reason":"An email address must have an @-sign."}},` +
					`{"type":"value_error","loc":["body","password"],"msg":"Value error, Password must be at least 8 characters",`,
				`{"type":"string_type","loc":["body","full_name"],"msg":"Input should be a valid string","input":7}`,
			}},
			testkit.Scenario{Name: "missing", Request: registerBody(`{"passwort":"canary"}`), Status: 422, Not: []string{"canary"}, Want: []string{
				`"loc":["body","email"],"msg":"Field required"`, `"loc":["body","password"],"msg":"Field required"`,
			}},
			testkit.Scenario{Name: "over 72 bytes", Request: registerBody(`{"email":"a@example.com","password":"` + testkit.Password + strings.Repeat("é", 28) + `"}`), Status: 422, Not: []string{testkit.Password}, Want: []string{"72 bytes"}},
			testkit.Scenario{Name: "NUL", Request: registerBody(`{"email":"a@example.com","password":"` + testkit.Password + `\u0000"}`), Status: 422, Not: []string{testkit.Password}},
			testkit.Scenario{Name: "long name", Request: registerBody(`{"email":"a@example.com","password":"` + testkit.Password + `","full_name":"` + strings.Repeat("x", 256) + `"}`), Status: 422, Want: []string{
				`{"detail":[{"type":"string_too_long","loc":["body","full_name"],"msg":"String should have at most 255 characters",`,
			}},
			testkit.Scenario{Name: "no body", Request: testkit.Request{Method: http.MethodPost, Path: "/api/auth/register"}, Status: 422, Want: []string{`"loc":["body"]`}},
			testkit.Scenario{Name: "wrong method", Request: testkit.Request{Method: http.MethodGet, Path: "/api/auth/register"}, Status: 405},
		)
		require.Equal(t, 200, g.Call(t, signIn("owner@example.com", testkit.Password)).Status)
		require.Equal(t, 401, g.Call(t, signIn("a@example.com", testkit.Password)).Status, "what was refused was not made")
	})
}

func TestRegistrationClosed(t *testing.T) {
	g := start(t, emptyDatabases.SQLite(t).URL, map[string]string{"PORTICO_REGISTRATION": "closed"})
	for _, request := range []testkit.Request{
		registerBody(`{"email":"a@example.com","password":"` + testkit.Password + `"}`),
		registerBody(`{`),
		{Method: http.MethodPost, Path: "/api/auth/register"},
		{Method: http.MethodGet, Path: "/api/auth/register"},
		{Method: http.MethodPost, Path: "/api/auth/register/"},
	} {
		unknown := request
		unknown.Path = "/api/auth/no-such-path"
		want, got := g.Call(t, unknown), g.Call(t, request)
		want.Header.Del("X-Request-Id")
		got.Header.Del("X-Request-Id")
		want.Header.Del("Date")
		got.Header.Del("Date")
		require.Equal(t, 404, got.Status)
		require.Equal(t, want, got)
	}
	require.NotContains(t, g.Call(t, testkit.Request{Method: http.MethodGet, Path: "/openapi.json"}).Body, "/api/auth/register")
}
