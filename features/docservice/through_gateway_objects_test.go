package docservice_test

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"portico.internal/modules/gatewaytest"
	"portico.internal/platform/testkit"
)

// What documents hold are objects of the gateway that the service runs in: nothing of it is in the service's folder.
func TestObjectsThroughTheGateway(t *testing.T) {
	defer http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	gatewaytest.Each(t, nil, func(t *testing.T, g *testkit.Gateway) {
		const ann = "ann@example.com"
		content := string(testkit.PDF(1, ""))
		id := upload(t, g, ann)
		path := "/api/documents/" + id
		require.Eventually(t, func() bool {
			return strings.Contains(g.Call(t, testkit.Request{Method: "GET", Path: path, As: ann}).Body, `"status":"ready"`)
		}, 30*time.Second, 5*time.Millisecond)
		require.Contains(t, objects(t, g), `"key":"doc-service/documents/`+id+`"`)
		files, err := filepath.Glob(filepath.Join(g.DataDir, "doc-service", "files", "*", "*"))
		require.NoError(t, err)
		require.Empty(t, files)

		r := g.Call(t, testkit.Request{Method: "GET", Path: path + "/content", As: ann})
		require.Equal(t, 200, r.Status)
		require.Equal(t, content, r.Body)
		r = g.Call(t, testkit.Request{Method: "GET", Path: path + "/content", As: ann, Header: http.Header{"Range": {"bytes=5-9"}}})
		require.Equal(t, 206, r.Status)
		require.Equal(t, content[5:10], r.Body)

		require.Equal(t, 204, g.Call(t, testkit.Request{Method: "DELETE", Path: path, As: ann}).Status)
		require.Eventually(t, func() bool { return !strings.Contains(objects(t, g), id) }, 30*time.Second, 5*time.Millisecond)
	})
}

// objects is the list of what the gateway keeps.
func objects(t *testing.T, g *testkit.Gateway) string {
	t.Helper()
	token, err := os.ReadFile(filepath.Join(g.DataDir, "service.token"))
	require.NoError(t, err)
	r, err := http.NewRequestWithContext(t.Context(), "GET", g.Internal+"/internal/storage/objects?prefix=doc-service/", nil)
	require.NoError(t, err)
	r.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	res, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	require.Equal(t, 200, res.StatusCode, string(body))
	return string(body)
}
