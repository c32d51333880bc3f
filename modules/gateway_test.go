package modules_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"portico.internal/modules/gatewaytest"
	"portico.internal/platform/testkit"
)

const (
	ann  = "ann@example.com"
	root = gatewaytest.Admin
)

func request(method, path, as string, body ...string) testkit.Request {
	r := testkit.Request{Method: method, Path: path, As: as}
	if len(body) > 0 {
		r.Body = body[0]
	}
	return r
}

// What holds for every path, with no word about a single module.
func TestConventions(t *testing.T) {
	gatewaytest.Each(t, nil, func(t *testing.T, g *testkit.Gateway) {
		unknown := []string{`{"detail":"Not Found"}`}
		anonymous := []string{`{"detail":"Not authenticated"}`}
		g.Run(t,
			testkit.Scenario{Request: request("GET", "/api/nowhere", ""), Status: 404, Want: unknown},
			testkit.Scenario{Request: request("GET", "/", ""), Status: 404, Want: unknown},
			testkit.Scenario{Request: request("GET", "/api/admin/users", ""), Status: 401, Want: anonymous},
			testkit.Scenario{Request: request("PUT", "/api/admin/nowhere", "", "{"), Status: 401, Want: anonymous},
			testkit.Scenario{Request: request("GET", "/api/admin/users", ann), Status: 404, Want: unknown},
			testkit.Scenario{Request: request("PUT", "/api/admin/nowhere", ann, "{"), Status: 404, Want: unknown},
			testkit.Scenario{Request: request("GET", "/api/admin/nowhere", root), Status: 404, Want: unknown},
			testkit.Scenario{Request: request("PUT", "/api/users/me", ""), Status: 405},
			testkit.Scenario{Request: request("HEAD", "/api/users/me", ann), Status: 405},
			testkit.Scenario{Request: request("GET", "/api/users/me/", ""), Status: 307},
			testkit.Scenario{Request: request("GET", "/api/users/me", ann), Status: 200, Want: []string{`"email":"` + ann + `"`, `"is_admin":false`}},
			testkit.Scenario{Request: request("GET", "/api/users/me", root), Status: 200, Want: []string{`"is_admin":true`}},
			testkit.Scenario{Request: request("GET", "/api/users/me/groups", ann), Status: 200, Want: []string{`[]`}},
			testkit.Scenario{Request: request("GET", "/health/live", ""), Status: 200, Want: []string{`{"status":"ok"}`}},
			testkit.Scenario{Request: request("GET", "/health/ready", ""), Status: 200, Want: []string{`"database":"ok"`, `"keys":"ok"`, `"schema":"ok"`}},
			testkit.Scenario{Request: request("GET", "/openapi.json", ""), Status: 200, Want: []string{`"3.1.0"`, `/api/auth/login`}},
			testkit.Scenario{Request: request("GET", "/docs", ""), Status: 200, Want: []string{"<html"}},
			testkit.Scenario{Name: "metrics are not public", Request: request("GET", "/metrics", root), Status: 404, Want: unknown},
			testkit.Scenario{Name: "nor is what services use", Request: request("GET", "/internal/settings/ai", root), Status: 404, Want: unknown},
		)
		missing, forbidden := g.Call(t, request("GET", "/api/nowhere", ann)), g.Call(t, request("GET", "/api/admin/users", ann))
		for _, r := range []testkit.Reply{missing, forbidden} {
			r.Header.Del("X-Request-Id")
			r.Header.Del("Date")
		}
		require.Equal(t, missing, forbidden)
		for _, secret := range []string{testkit.Password, gatewaytest.PrivateKey[:80], "$2a$", g.Token(t, ann)} {
			require.NotContains(t, g.Log.String(), secret)
		}
	})
}

// The internal door opens for the service token alone.
func TestInternalDoor(t *testing.T) {
	const token = "a-service-token-of-some-length"
	gatewaytest.Each(t, map[string]string{"PORTICO_SERVICE_TOKEN": token}, func(t *testing.T, g *testkit.Gateway) {
		ask := func(authorization string) testkit.Reply {
			door := testkit.Gateway{URL: g.Internal}
			r := testkit.Request{Method: "GET", Path: "/metrics", Header: http.Header{}}
			if authorization != "" {
				r.Header.Set("Authorization", authorization)
			}
			return door.Call(t, r)
		}
		require.Equal(t, 401, ask("").Status)
		require.Equal(t, 401, ask("Bearer wrong").Status)
		require.Equal(t, 401, ask("Bearer "+g.Token(t, root)).Status)
		metrics := ask("Bearer " + token)
		require.Equal(t, 200, metrics.Status)
		require.Contains(t, metrics.Body, "portico_build_info{")
	})
}
