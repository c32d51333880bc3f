package modules_test

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

// What an admin decides about AI reaches the document service: it asks the provider with the key and the prompt, and puts
// the document where the provider says, until the provider fails.
func TestDocumentsAreSortedByTheProviderAnAdminChose(t *testing.T) {
	const key = "sk-canary-0123456789"
	var asked testkit.Output
	provider := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if r.Header.Get("Authorization") != "Bearer "+key {
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprint(w, `{"error":{"message":"Incorrect API key provided: `+r.Header.Get("Authorization")+`"}}`)
			return
		}
		_, _ = asked.Write(body)
		fmt.Fprint(w, `{"id":"1","object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":"{\"categories\": [\"Invoices\"]}"},"finish_reason":"stop"}]}`)
	}))
	defer provider.Close()
	allowed := map[string]string{"PORTICO_AI_ALLOWED_HOSTS": strings.TrimPrefix(provider.URL, "http://")}
	gatewaytest.Each(t, allowed, func(t *testing.T, g *testkit.Gateway) {
		configure := func(key string) {
			body := fmt.Sprintf(`{"provider":"openai_compatible","providers":{"openai_compatible":{"model":"m","base_url":%q,"api_key":%q}}}`, provider.URL, key)
			r := g.Call(t, request("PATCH", "/api/settings/ai", root, body))
			require.Equal(t, 200, r.Status, r.Body)
			require.NotContains(t, r.Body, key)
		}
		configure(key)
		r := g.Call(t, request("PATCH", "/api/settings/system-prompts/doc-service", root, `{"prompt":"Sort as <b>Portia</b> would"}`))
		require.Equal(t, 200, r.Status, r.Body)
		category := idOf(t, g.Call(t, request("POST", "/api/documents/categories", root, `{"name":"Invoices"}`)))

		id := idOf(t, upload(t, g, ann))
		categories := func() string { return g.Call(t, request("GET", "/api/documents/"+id+"/categories", ann)).Body }
		require.Eventually(t, func() bool { return strings.Contains(categories(), category) }, time.Minute, 10*time.Millisecond)
		require.Contains(t, asked.String(), "Portia")

		r = g.Call(t, request("DELETE", "/api/documents/"+id+"/categories/"+category, ann))
		require.Equal(t, 204, r.Status, r.Body)
		r = g.Call(t, request("POST", "/api/documents/"+id+"/classify", ann))
		require.Equal(t, 200, r.Status, r.Body)
		require.Contains(t, r.Body, category)

		configure("sk-canary-wrong-key-9")
		require.Eventually(t, func() bool {
			r = g.Call(t, request("POST", "/api/documents/"+id+"/classify", ann))
			return r.Status == 503
		}, time.Minute, 50*time.Millisecond, r.Body)
		require.Contains(t, categories(), category, "the document stays as it was")
		require.NotContains(t, r.Body+g.Log.String(), "sk-canary")
	})
}

func idOf(t *testing.T, r testkit.Reply) string {
	t.Helper()
	var made struct{ ID string }
	require.NoError(t, json.Unmarshal([]byte(r.Body), &made), r.Body)
	require.NotEmpty(t, made.ID, r.Body)
	return made.ID
}

// upload sends a small PDF as the user and returns the reply.
func upload(t *testing.T, g *testkit.Gateway, as string) testkit.Reply {
	t.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	file, err := form.CreateFormFile("file", "invoice.pdf")
	require.NoError(t, err)
	_, err = file.Write(testkit.PDF(1, "Invoice 17"))
	require.NoError(t, err)
	require.NoError(t, form.Close())
	return g.Call(t, testkit.Request{Method: http.MethodPost, Path: "/api/documents", As: as, Type: form.FormDataContentType(), Body: body.String()})
}
