package docproxy

import (
	"net/url"
	"path"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"portico.internal/platform/errs"
)

func TestServicePath(t *testing.T) {
	for target, want := range map[string]string{
		"/api/documents":                        "/documents",
		"/api/documents?":                       "/documents?",
		"/api/documents/":                       "/documents/",
		"/api/documents/a/":                     "/documents/a/",
		"/api/documents/a%20b":                  "/documents/a%20b",
		"/api/documents/caf%C3%A9":              "/documents/caf%C3%A9",
		"/api/documents/a.b..c":                 "/documents/a.b..c",
		"/api/documents/...":                    "/documents/...",
		"/api/documents/%252e%252e/x":           "/documents/%252e%252e/x",
		"/api/documents/a+b;v=1,2":              "/documents/a+b;v=1,2",
		"/api/documents/a%3Fb%23c":              "/documents/a%3Fb%23c",
		"/%61pi/docu%6Dents/x":                  "/documents/x",
		"/api/documents?q=a;b&c=%zz&d=%2e%2e/+": "/documents?q=a;b&c=%zz&d=%2e%2e/+",

		"/api/documents/..":                     "",
		"/api/documents/../users":               "",
		"/api/documents/%2e%2e/users":           "",
		"/api/documents/%2E./users":             "",
		"/api/documents/.":                      "",
		"/api/documents/./x":                    "",
		"/api/documents/a/..;/b":                "",
		"/api/documents/..%2f":                  "",
		"/api/documents/a%2Fb":                  "",
		"/api/documents/a%5Cb":                  "",
		"/api/documents/a\\b":                   "",
		"/api/documents/..%5c..":                "",
		"/api/documents/a%00b":                  "",
		"/api/documents/a%0d%0ab":               "",
		"/api/documents//a":                     "",
		"/api/documents/a//b":                   "",
		"/api/documents//":                      "",
		"//api/documents":                       "",
		"/api/documents/%c0%ae%c0%ae/x":         "",
		"/api/documents%2fx":                    "",
		"/api/documentsx":                       "",
		"/api/document":                         "",
		"/api/":                                 "",
		"/":                                     "",
		"/documents":                            "",
		"/api/x/../documents/y":                 "",
		"/api/documents/a/%2e%2e%2f%2e%2e/user": "",
	} {
		u, err := url.ParseRequestURI(target)
		require.NoError(t, err, target)
		got, err := servicePath(u)
		if want == "" {
			require.Equal(t, errs.NotFound, errs.KindOf(err), "%s became %s", target, got)
			continue
		}
		require.NoError(t, err, target)
		require.Equal(t, want, got.RequestURI())
	}
}

func FuzzPath(f *testing.F) {
	for _, seed := range []string{
		"/api/documents", "/api/documents/%2e%2e/x", "/api/documents/..%2f", "/api/documents/a;b/..;/c?x=%zz",
		"/api/documents//x", "/%61pi/documents/\\..", "http://h/api/documents/x", "/api/documents/%00", "/api/documents/é",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, target string) {
		u, err := url.ParseRequestURI(target)
		if err != nil {
			return
		}
		got, err := servicePath(u)
		if err != nil {
			return
		}
		sent, query, _ := strings.Cut(got.RequestURI(), "?")
		require.Equal(t, u.RawQuery, query)
		decoded, err := url.PathUnescape(sent)
		require.NoError(t, err)
		decoded = strings.ReplaceAll(decoded, "\\", "/")
		require.Equal(t, strings.TrimSuffix(decoded, "/"), path.Clean(decoded), "the server behind has nothing to clean")
		require.True(t, decoded == "/documents" || strings.HasPrefix(decoded, "/documents/"), decoded)
		require.Equal(t, strings.Count(sent, "/"), strings.Count(decoded, "/"), "no slash appears by decoding")
		require.NotContains(t, decoded, "\x00")
	})
}

func TestPublicLocation(t *testing.T) {
	for _, c := range []struct{ asked, base, given, want string }{
		{"http://doc:8001/documents", "http://doc:8001", "http://doc:8001/documents/7?a=b;c#d", "/api/documents/7?a=b;c#d"},
		{"http://doc:8001/documents", "http://doc:8001", "/documents/", "/api/documents/"},
		{"http://doc:8001/documents", "http://doc:8001", "/documents", "/api/documents"},
		{"http://doc:8001/documents/a/b", "http://doc:8001", "c%20d", "/api/documents/a/c%20d"},
		{"http://doc:8001/documents/a/b", "http://doc:8001", "../c", "/api/documents/c"},
		{"http://doc:8001/documents/a", "http://doc:8001", "?page=2", "/api/documents/a?page=2"},
		{"http://doc/documents/a", "http://doc", "http://DOC:80/documents/b", "/api/documents/b"},
		{"http://doc/v1/documents/a", "http://doc/v1", "/v1/documents/b", "/api/documents/b"},
		{"http://doc/v1/documents/a", "http://doc/v1", "/documents/b", ""},
		{"http://doc:8001/documents/a", "http://doc:8001", "http://other:8001/documents/b", ""},
		{"http://doc:8001/documents/a", "http://doc:8001", "//other/documents/b", ""},
		{"http://doc:8001/documents/a", "http://doc:8001", "http://doc:9/documents/b", ""},
		{"http://doc:8001/documents/a", "http://doc:8001", "/login", ""},
		{"http://doc:8001/documents/a", "http://doc:8001", "/documents/../login", ""},
		{"http://doc:8001/documents/a", "http://doc:8001", "/documents/%2e%2e/login", ""},
		{"http://doc:8001/documents/a", "http://doc:8001", "/documentsx", ""},
		{"http://doc:8001/documents/a", "http://doc:8001", "javascript:alert(1)", ""},
		{"http://doc:8001/documents/a", "http://doc:8001", "http://[", ""},
	} {
		asked, err := url.Parse(c.asked)
		require.NoError(t, err)
		base, err := url.Parse(c.base)
		require.NoError(t, err)
		got, ok := publicLocation(c.given, asked, base)
		require.Equal(t, c.want, got, c.given)
		require.Equal(t, c.want != "", ok)
	}
}
