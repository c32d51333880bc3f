package settings_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"portico.internal/modules/gatewaytest"
	"portico.internal/platform/app"
	"portico.internal/platform/testkit"
)

// internalPaths are all that the internal door serves for the module and for those that extend it.
func internalPaths(t *testing.T) []string {
	t.Helper()
	_, internal, err := app.Describe(gatewaytest.Spec(withNotesAlone))
	require.NoError(t, err)
	var paths []string
	for _, r := range internal.Routes() {
		if strings.HasPrefix(r.Path, "/internal/") {
			paths = append(paths, strings.NewReplacer("{service_id}", "doc-service", "{book}", "first", "{key...}", "any/key").Replace(r.Path))
		}
	}
	require.Subset(t, paths, []string{"/internal/settings/documents/limits", "/internal/settings/system-prompts/doc-service", "/internal/notes/first/tokens"})
	return slices.Compact(paths)
}

// The internal door opens for the service token alone, and what is behind it is nowhere else.
func TestInternalDoor(t *testing.T) {
	paths := internalPaths(t)
	eachWithNotes(t, func(t *testing.T, g *testkit.Gateway, _ testkit.Database) {
		does(t, g, "PATCH", "/api/notes/first", `{"mirror_token":"c4n4ry-w0rd"}`)
		door := testkit.Gateway{URL: g.Internal}
		unknown := g.Call(t, admin("GET", "/api/nowhere", ""))
		object := testkit.Request{Method: "PUT", Path: "/internal/storage/objects/any/key", Token: serviceToken, Body: "content"}
		require.Equal(t, 201, door.Call(t, object).Status)
		for _, path := range paths {
			for authorization, detail := range map[string]string{
				"":                             "Not authenticated",
				"Basic " + serviceToken:        "Not authenticated",
				serviceToken:                   "Not authenticated",
				"Bearer":                       "Could not validate credentials",
				"Bearer ":                      "Could not validate credentials",
				"Bearer  " + serviceToken:      "Could not validate credentials",
				"Bearer " + serviceToken + "x": "Could not validate credentials",
				"Bearer " + serviceToken[1:]:   "Could not validate credentials",
				"Bearer " + g.Token(t, gatewaytest.Admin): "Could not validate credentials",
			} {
				r := testkit.Request{Method: "GET", Path: path, Header: http.Header{}}
				if authorization != "" {
					r.Header.Set("Authorization", authorization)
				}
				reply := door.Call(t, r)
				require.Equal(t, 401, reply.Status, "%s with %q", path, authorization)
				require.Equal(t, `{"detail":"`+detail+`"}`, reply.Body)
				require.Equal(t, "Bearer", reply.Header.Get("WWW-Authenticate"))
			}
			require.Equal(t, 200, inside(t, g, path).Status, path)
			require.Equal(t, 405, door.Call(t, testkit.Request{Method: "PATCH", Path: path, Token: serviceToken, Body: `{}`}).Status, "services do not change settings")

			for _, public := range []string{path, path + "/", "/api" + path, "//" + path[1:], "/api/.." + path, "/api/%2e%2e" + path, "/%69nternal" + path[len("/internal"):]} {
				for _, method := range []string{"GET", "HEAD", "PATCH", "OPTIONS"} {
					for _, token := range []string{"", g.Token(t, gatewaytest.Admin), serviceToken} {
						reply := g.Call(t, testkit.Request{Method: method, Path: public, Token: token})
						require.Equal(t, 404, reply.Status, "%s %s", method, public)
						if method != "HEAD" {
							require.Equal(t, unknown.Body, reply.Body)
						}
						require.Empty(t, reply.Header.Get("ETag"))
					}
				}
			}
		}
		for _, path := range []string{"/api/users/me", limitsPath, historyPath, "/api/notes/first"} {
			r := g.Call(t, testkit.Request{Method: "GET", Path: path, Token: serviceToken})
			require.Equal(t, 401, r.Status, path)
			require.Equal(t, `{"detail":"Could not validate credentials"}`, r.Body)
		}
		for _, path := range []string{"/api/users/me", limitsPath} {
			require.Equal(t, 404, inside(t, g, path).Status, "nor is what people use at the internal door: %s", path)
		}
		require.NotContains(t, g.Log.String(), serviceToken)
	})
}

// What services ask for often costs them no body.
func TestInternalRepliesAreTagged(t *testing.T) {
	eachWithNotes(t, func(t *testing.T, g *testkit.Gateway, _ testkit.Database) {
		for _, path := range []string{"/internal/settings/documents/limits", "/internal/settings/system-prompts/doc-service"} {
			tag := inside(t, g, path).Header.Get("ETag")
			require.NotEmpty(t, tag, path)
			again := inside(t, g, path, "If-None-Match", tag)
			require.Equal(t, 304, again.Status, path)
			require.Empty(t, again.Body)
		}
		tag := inside(t, g, "/internal/settings/documents/limits").Header.Get("ETag")
		require.Equal(t, tag, g.Call(t, admin("GET", limitsPath, "")).Header.Get("ETag"), "of the same thing the same tag")
		does(t, g, "PATCH", limitsPath, `{"max_pdf_mb":3}`)
		changed := inside(t, g, "/internal/settings/documents/limits", "If-None-Match", tag)
		require.Equal(t, 200, changed.Status, "at once on the replica that made the change")
		require.Equal(t, `{"max_pdf_mb":3}`, changed.Body)
	})
}
