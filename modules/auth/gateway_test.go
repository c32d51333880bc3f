package auth

import (
	"maps"
	"net/http"
	"net/url"
	"testing"

	"golang.org/x/crypto/bcrypt"

	order "portico.internal/migrations"
	"portico.internal/modules/users"
	"portico.internal/platform/app"
	"portico.internal/platform/module"
	"portico.internal/platform/testkit"
)

// spec is a gateway with nothing but people in it.
var spec = app.Spec{Modules: []module.Module{Module, users.WithCost(bcrypt.MinCost)}, Chain: order.Chain}

// start runs a gateway on the database, with the keys of the tests and no throttling. Settings come on top of that.
func start(t testing.TB, database string, settings map[string]string) *testkit.Gateway {
	environ := map[string]string{
		"DATABASE_URL":    database,
		"JWT_PRIVATE_KEY": privatePEM(ourKey()), "JWT_PUBLIC_KEY": publicPEM(ourKey()),
		"PORTICO_LOGIN_FAILURES_PER_MINUTE": "0",
	}
	maps.Copy(environ, settings)
	return testkit.StartGateway(t, spec, environ)
}

var emptyDatabases = testkit.Prepared(nil)

const owner = "owner@example.com"

// signIn is a login by form.
func signIn(email, password string) testkit.Request {
	return loginForm(url.Values{"username": {email}, "password": {password}})
}

func loginForm(values url.Values) testkit.Request {
	return testkit.Request{Method: http.MethodPost, Path: "/api/auth/login", Type: "application/x-www-form-urlencoded", Body: values.Encode()}
}

func me(token string) testkit.Request {
	return testkit.Request{Method: http.MethodGet, Path: "/api/users/me", Token: token}
}

func registerBody(body string) testkit.Request {
	return testkit.Request{Method: http.MethodPost, Path: "/api/auth/register", Body: body}
}

// from makes the request look as if it came through a trusted proxy.
func from(address string, r testkit.Request) testkit.Request {
	r.Header = http.Header{"X-Forwarded-For": {address}}
	return r
}
