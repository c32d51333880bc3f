package docservice_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"portico.internal/modules/gatewaytest"
	"portico.internal/platform/testkit"
)

const (
	pluginSettings = "/api/plugins/doc-service/settings"
	untouched      = `{"allowed_categories":[],"api_key":null,"auto_classify":true,"retention_days":null}`
)

// The service is a plugin of the gateway that it runs in: its manifest is taken, its schema is understood, its secret is
// masked, and its settings count.
func TestThroughTheGateway(t *testing.T) {
	keys := make(chan string, 10)
	model := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		keys <- r.Header.Get("Authorization")
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"choices":[{"index":0,"finish_reason":"stop","message":{"role":"assistant","content":"{\"categories\": [1]}"}}]}`)
	}))
	defer model.Close()
	defer http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	environ := map[string]string{"PORTICO_AI_ALLOWED_HOSTS": strings.TrimPrefix(model.URL, "http://")}
	gatewaytest.Each(t, environ, func(t *testing.T, g *testkit.Gateway) {
		const ann, root = "ann@example.com", gatewaytest.Admin
		call := func(as, method, path, body string, status int) string {
			t.Helper()
			r := g.Call(t, testkit.Request{Method: method, Path: path, As: as, Body: body})
			require.Equal(t, status, r.Status, "%s %s %s: %s", method, path, body, r.Body)
			return r.Body
		}
		require.Contains(t, call(root, "GET", "/api/plugins", "", 200), `"id":"doc-service","name":"Documents","version":"1.0.0"`)
		require.Contains(t, call(root, "GET", "/api/plugins", "", 200), `"status":"available","reason":null`)
		require.Contains(t, call(root, "GET", "/api/plugins/doc-service/manifest", "", 200), `"retention_days":{"title":`)
		require.Equal(t, "[]", call(ann, "GET", "/api/plugins", "", 200))
		call(ann, "GET", pluginSettings, "", 404)
		call(ann, "PATCH", pluginSettings, `{"retention_days":1}`, 404)
		require.JSONEq(t, untouched, call(root, "GET", pluginSettings, "", 200))

		for _, refused := range []string{
			`[]`, `{"colour":"red"}`, `{"retention_days":0}`, `{"retention_days":36501}`, `{"retention_days":1.5}`, `{"retention_days":"7"}`,
			`{"auto_classify":"yes"}`, `{"allowed_categories":"Plans"}`, `{"allowed_categories":[7]}`, `{"allowed_categories":[" "]}`,
			`{"allowed_categories":["` + strings.Repeat("x", 129) + `"]}`, `{"api_key":7}`, `{"api_key":""}`, `{"api_key":"with blanks"}`,
			`{"api_key":"********1234"}`,
		} {
			call(root, "PATCH", pluginSettings, refused, 422)
		}
		require.Contains(t, call(root, "PATCH", pluginSettings, `{"api_key":"key-of-documents"}`, 400), "There is no AI yet")
		require.JSONEq(t, untouched, call(root, "GET", pluginSettings, "", 200))

		call(root, "PATCH", "/api/settings/ai", `{"provider":"openai_compatible","providers":{"openai_compatible":{"model":"m","base_url":"`+model.URL+`/v1","api_key":"key-of-workspace"}}}`, 200)
		const masked = `{"allowed_categories":["Plans"],"api_key":"********ents","auto_classify":false,"retention_days":365}`
		require.JSONEq(t, masked, call(root, "PATCH", pluginSettings, `{"api_key":"key-of-documents","auto_classify":false,"allowed_categories":["Plans"],"retention_days":365}`, 200))
		require.JSONEq(t, masked, call(root, "PATCH", pluginSettings, masked, 200), "what was shown can be sent back")
		require.JSONEq(t, masked, call(root, "GET", pluginSettings, "", 200))
		require.Equal(t, 412, g.Call(t, testkit.Request{Method: "PATCH", Path: pluginSettings, As: root, Body: `{"retention_days":1}`, Header: http.Header{"If-Match": {`"other"`}}}).Status)

		call(root, "POST", "/api/documents/categories", `{"name":"Contracts"}`, 201)
		plans := idOf(t, call(root, "POST", "/api/documents/categories", `{"name":"Plans"}`, 201))
		id := upload(t, g, ann)
		require.Eventually(t, func() bool {
			return strings.Contains(call(ann, "GET", "/api/documents/"+id, "", 200), `"status":"ready"`)
		}, 30*time.Second, 5*time.Millisecond)
		require.Contains(t, call(ann, "POST", "/api/documents/"+id+"/classify", "", 200), plans, "the first that is allowed")
		require.Equal(t, "Bearer key-of-documents", <-keys)
		require.Empty(t, keys)
		require.NotContains(t, g.Log.String(), "key-of-documents")
	})
}

func idOf(t *testing.T, body string) string {
	t.Helper()
	var thing struct{ ID string }
	require.NoError(t, json.Unmarshal([]byte(body), &thing))
	return thing.ID
}

func upload(t *testing.T, g *testkit.Gateway, as string) (id string) {
	t.Helper()
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	file, err := w.CreateFormFile("file", "a.pdf")
	require.NoError(t, err)
	_, err = io.Copy(file, bytes.NewReader(testkit.PDF(1, "")))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	r := g.Call(t, testkit.Request{Method: "POST", Path: "/api/documents", As: as, Type: w.FormDataContentType(), Body: body.String()})
	require.Equal(t, 202, r.Status, r.Body)
	return idOf(t, r.Body)
}
