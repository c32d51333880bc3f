package web_test

import (
	"context"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/require"

	"portico.internal/platform/web"
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

// What a route answers with beside its one success, and what it does not decide itself.
func TestOpenAPIOfReplies(t *testing.T) {
	type out struct {
		Old jsontext.Value `json:"old"`
	}
	raw := func(http.ResponseWriter, *http.Request) error { return nil }
	server := newSite(t, io.Discard, func(o *web.Options) {
		o.Routes = []web.RouteSet{{Module: "replies", Routes: []web.Route{
			web.Post("/api/old", web.Public, func(context.Context, *struct {
				Body *struct {
					Value string `json:"value"`
				}
			}) (*out, error) {
				return nil, nil
			}, web.Also(http.StatusNoContent)),
			web.Raw("GET", "/api/ready", web.Public, raw, web.Answers[out](), web.Also(http.StatusServiceUnavailable)),
			web.Raw("GET", "/api/file", web.Public, raw, web.Media("application/pdf"), web.Also(http.StatusPartialContent, http.StatusNotModified)),
			web.Raw("PUT", "/api/file", web.User, raw),
			web.Raw("PUT", "/api/elsewhere", web.User, raw, web.PassesOn()),
		}}}
	})
	_, body := get(t, server.URL+"/openapi.json")
	var doc struct {
		Paths map[string]map[string]struct {
			Responses map[string]struct{ Content map[string]any }
		}
		Components struct {
			Schemas map[string]struct{ Properties map[string]map[string]any }
		}
	}
	require.NoError(t, json.Unmarshal([]byte(body), &doc))
	contents := func(path, method string) map[string][]string {
		all := map[string][]string{}
		for status, r := range doc.Paths[path][method].Responses {
			all[status] = slices.Sorted(maps.Keys(r.Content))
		}
		return all
	}
	one, none := []string{"application/json"}, []string(nil)
	require.Equal(t, map[string][]string{"200": one, "204": none, "422": one, "default": one}, contents("/api/old", "post"))
	require.Equal(t, map[string][]string{"200": one, "503": one, "default": one}, contents("/api/ready", "get"))
	require.Equal(t, map[string][]string{"200": {"application/pdf"}, "206": {"application/pdf"}, "304": none, "default": one}, contents("/api/file", "get"))
	require.Equal(t, map[string][]string{"200": none, "401": one, "422": one, "default": one}, contents("/api/file", "put"))
	require.Equal(t, map[string][]string{"401": one, "default": {"*/*"}}, contents("/api/elsewhere", "put"))
	require.Contains(t, body, `"old":{}`, "JSON of any kind, and not bytes in base64")
	for name := range doc.Components.Schemas {
		require.Regexp(t, `^[a-zA-Z0-9._-]+$`, name)
		require.Contains(t, body, `"#/components/schemas/`+name+`"`, "what nobody refers to")
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
