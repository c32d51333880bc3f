package web_test

import (
	"encoding/json"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	resp, err := http.Get(url)
	require.NoError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(body)
}

func TestOpenAPIDocument(t *testing.T) {
	server := newSite(t, io.Discard)
	status, body := get(t, server.URL+"/openapi.json")
	require.Equal(t, 200, status)
	var doc map[string]any
	require.NoError(t, json.Unmarshal([]byte(body), &doc))
	require.Equal(t, "3.1.0", doc["openapi"])

	at := func(path ...string) any {
		var v any = doc
		for _, step := range path {
			object, ok := v.(map[string]any)
			require.True(t, ok, "%v at %s", path, step)
			v = object[step]
		}
		return v
	}
	person := at("components", "schemas", "Web_testPerson").(map[string]any)
	require.Equal(t, []any{"email", "password"}, person["required"])
	require.NotContains(t, person, "additionalProperties") // unknown fields are ignored
	properties := person["properties"].(map[string]any)
	require.Equal(t, []any{"string", "null"}, properties["mode"].(map[string]any)["type"])
	require.Equal(t, []any{"light", "dark", "system", nil}, properties["mode"].(map[string]any)["enum"])
	require.Equal(t, true, properties["password"].(map[string]any)["writeOnly"])
	require.NotNil(t, at("paths", "/api/people", "post", "requestBody", "content", "application/json"))
	require.NotNil(t, at("paths", "/api/login", "post", "requestBody", "content", "application/x-www-form-urlencoded"))
	require.NotNil(t, at("paths", "/api/files/{path}", "get"))
	require.NotNil(t, at("paths", "/api/list", "get", "responses", "200", "headers", "X-Total-Count"))
	require.NotNil(t, at("paths", "/api/me", "get", "security"))
	require.Nil(t, at("paths", "/api/people", "post", "security"))
	require.NotContains(t, body, `"$ref":"#/components/schemas/Web"`)
	for _, ref := range regexp.MustCompile(`"#/components/schemas/([^"]+)"`).FindAllStringSubmatch(body, -1) {
		require.NotNil(t, at("components", "schemas", ref[1]), "a reference that leads nowhere: %s", ref[1])
	}
}

// The page must work where there is no network: all it loads comes from here.
func TestDocsWorkOffline(t *testing.T) {
	server := newSite(t, io.Discard)
	status, page := get(t, server.URL+"/docs")
	require.Equal(t, 200, status)
	loads := regexp.MustCompile(`(?:src|href)="([^"]+)"`).FindAllStringSubmatch(page, -1)
	require.NotEmpty(t, loads)
	for _, load := range loads {
		require.False(t, strings.Contains(load[1], "//"), load[1])
		status, _ := get(t, server.URL+load[1])
		require.Equal(t, 200, status, load[1])
	}
	require.Contains(t, page, "/openapi.json")
}
