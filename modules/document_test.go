package modules_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"portico.internal/modules/gatewaytest"
	"portico.internal/platform/app"
	"portico.internal/platform/testkit"
	"portico.internal/platform/testkit/specfuzz"
)

// Replies that are not as the shape of their routes has them: a second status, JSON of any kind, bytes, parts of them.
func TestRepliesFitTheDocument(t *testing.T) {
	public, internal, err := app.Describe(gatewaytest.Spec())
	require.NoError(t, err)
	operations := map[string]*specfuzz.Operation{}
	for _, site := range []interface{ OpenAPI() ([]byte, error) }{public, internal} {
		text, err := site.OpenAPI()
		require.NoError(t, err)
		document, err := specfuzz.Parse(text)
		require.NoError(t, err)
		for _, o := range document.Operations {
			operations[o.String()] = o
		}
	}
	gatewaytest.Each(t, nil, func(t *testing.T, g *testkit.Gateway) {
		token, err := os.ReadFile(filepath.Join(g.DataDir, "service.token"))
		require.NoError(t, err)
		inside := &testkit.Gateway{URL: g.Internal}
		check := func(operation, path string, status int, body string, header ...string) string {
			t.Helper()
			method, template, _ := strings.Cut(operation, " ")
			if path == "" {
				path = template
			}
			r := testkit.Request{Method: method, Path: path, Body: body, As: root, Header: http.Header{}}
			for i := 0; i < len(header); i += 2 {
				r.Header.Set(header[i], header[i+1])
			}
			door := g
			if !strings.HasPrefix(path, "/api/") {
				door, r.As, r.Token = inside, "", strings.TrimSpace(string(token))
			}
			reply := door.Call(t, r)
			require.Equal(t, status, reply.Status, reply.Body)
			require.NoError(t, operations[operation].Check(&specfuzz.Reply{Status: reply.Status, Header: reply.Header, Body: []byte(reply.Body)}), reply.Body)
			return reply.Body
		}
		person := id(t, g.Call(t, request("GET", "/api/users/me", ann)))
		check("POST /api/admin/users/{user_id}/password", "/api/admin/users/"+person+"/password", 204, `{"new_password":"`+testkit.Password+`2"}`)
		check("POST /api/admin/users/{user_id}/password", "/api/admin/users/"+person+"/password", 200, "")
		check("PATCH /api/settings/documents/limits", "", 200, `{"max_pdf_mb":7}`)
		change := id(t, testkit.Reply{Body: strings.Trim(check("GET /api/settings/history", "", 200, ""), "[]")})
		check("POST /api/settings/history/{id}/restore", "/api/settings/history/"+change+"/restore", 200, "")
		check("GET /internal/settings/ai", "", 200, "")
		object := "/internal/storage/objects/a"
		check("PUT /internal/storage/objects/{key}", object, 201, "content")
		check("PUT /internal/storage/objects/{key}", object, 200, "content")
		check("PUT /internal/storage/objects/{key}", object, 422, "content", "X-Content-SHA256", "none")
		check("GET /internal/storage/objects/{key}", object, 206, "", "Range", "bytes=0-1")
		check("GET /internal/storage/objects/{key}", object, 304, "", "If-None-Match", "*")
		check("GET /internal/storage/objects/{key}", object, 416, "", "Range", "bytes=9-")
		check("GET /metrics", "", 200, "")
		check("POST /api/documents", "", 422, "--x\r\nContent-Disposition: form-data; name=\"title\"\r\n\r\na\r\n--x--\r\n", "Content-Type", "multipart/form-data; boundary=x")
	})
}
