package storage_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"portico.internal/modules/gatewaytest"
	"portico.internal/platform/testkit"
)

// eachRemote runs the test with a gateway whose storage is an external service, on a database of each kind.
func eachRemote(t *testing.T, answer func(x *testkit.Exchange), test func(t *testing.T, g *testkit.Gateway, service *testkit.Upstream)) {
	t.Helper()
	testkit.Migrated(gatewaytest.Plan(t)).Each(t, func(t *testing.T, d testkit.Database) {
		service := testkit.NewUpstream(t, answer)
		g := gatewaytest.Start(t, gatewaytest.Spec(), d, map[string]string{"PORTICO_STORAGE_SERVICE_URL": service.URL + "/base/"})
		test(t, g, service)
	})
}

func TestCallsArePassedOnToTheStorageService(t *testing.T) {
	const reply = `{"backend":"s3","objects":12345678901234567890,"text":"<a&b>","more":[1.50,null,true,{}]}`
	eachRemote(t, func(x *testkit.Exchange) {
		x.Reply(202, reply+"\n", "Content-Type: application/json", "X-Internal: 10.0.0.1")
	},
		func(t *testing.T, g *testkit.Gateway, service *testkit.Upstream) {
			for _, c := range []struct{ method, path, line, body string }{
				{"GET", configPath, "GET /base/health", ""},
				{"PATCH", configPath, "PATCH /base/config", `{"config":{"whatever":1}}`},
				{"POST", configPath + "/migrate", "POST /base/migrate", `{"backend":"gcs","config":{}}`},
				{"DELETE", configPath + "/migrate", "DELETE /base/migrate", ""},
				{"GET", configPath + "/migrate/status", "GET /base/migrate/status", ""},
			} {
				got := g.Call(t, admin(c.method, c.path, c.body))
				require.Equal(t, 202, got.Status)
				require.Equal(t, reply, got.Body, "every byte")
				require.Equal(t, "application/json", got.Header.Get("Content-Type"))
				require.Empty(t, got.Header.Get("X-Internal"))
				r := service.Next(t)
				require.Equal(t, c.line+" HTTP/1.1", r.Line)
				require.Equal(t, int64(len(c.body)), r.Body.Bytes)
				require.Equal(t, digest(c.body), digestOf(r, c.body))
				require.Equal(t, "true", r.Header("X-User-Is-Admin"))
				require.NotEmpty(t, r.Header("X-User-Id"))
				require.Equal(t, got.Header.Get("X-Request-ID"), r.Header("X-Request-Id"))
				require.Empty(t, r.Header("Authorization"))

				for as, status := range map[string]int{"": 401, "user@example.com": 404} {
					require.Equal(t, status, g.Call(t, testkit.Request{Method: c.method, Path: c.path, As: as, Body: c.body}).Status)
				}
			}
			service.None(t)
			long := g.Call(t, admin("PATCH", configPath, `{"config":"`+strings.Repeat("x", 1<<20)+`"}`))
			require.Equal(t, 413, long.Status)
			service.None(t)
		})
}

// digestOf is the hash of a body, that of nothing where there is none.
func digestOf(r *testkit.Received, body string) string {
	if body == "" {
		return digest("")
	}
	return r.Body.SHA256
}

func TestAnswersOfTheStorageService(t *testing.T) {
	type answer struct {
		status  int
		body    string
		headers []string
		want    int
		detail  string // of a reply in place of the service's
	}
	answers := map[string]answer{
		"refusal":           {400, `{"detail":"Bucket not found"}`, nil, 400, ""},
		"conflict":          {409, `{"detail":"busy"}`, nil, 409, ""},
		"unknown":           {404, `{"detail":"none"}`, nil, 404, ""},
		"invalid":           {422, `{"detail":[{"loc":["body"]}]}`, nil, 422, ""},
		"not signed in":     {401, `{"detail":"who"}`, nil, 502, "Storage service unavailable"},
		"not permitted":     {403, `{"detail":"no"}`, nil, 502, "Storage service unavailable"},
		"redirect":          {302, ``, []string{"Location: http://10.0.0.1/"}, 502, "Storage service unavailable"},
		"broken":            {500, `{"detail":"at 10.0.0.1"}`, nil, 502, "Storage service unavailable"},
		"busy":              {503, `{"detail":"at 10.0.0.1"}`, nil, 503, "Storage service unavailable"},
		"slow":              {504, `{"detail":"at 10.0.0.1"}`, nil, 504, "Storage service timed out"},
		"no JSON":           {200, `<html>`, nil, 502, "Storage service unavailable"},
		"half":              {200, `{"a":`, nil, 502, "Storage service unavailable"},
		"two documents":     {200, `{} {}`, nil, 502, "Storage service unavailable"},
		"the same twice":    {200, `{"a":1,"a":2}`, nil, 502, "Storage service unavailable"},
		"nothing":           {200, ``, nil, 502, "Storage service unavailable"},
		"too much":          {200, `"` + strings.Repeat("x", 5<<20) + `"`, nil, 502, "Storage service unavailable"},
		"nothing to say":    {204, ``, nil, 204, ""},
		"a document of one": {200, `"text"`, nil, 200, ""},
	}
	var now answer
	eachRemote(t, func(x *testkit.Exchange) { x.Reply(now.status, now.body, now.headers...) }, func(t *testing.T, g *testkit.Gateway, service *testkit.Upstream) {
		g.Token(t, gatewaytest.Admin)
		for name, c := range answers {
			now = c
			got := g.Call(t, admin("GET", configPath, ""))
			service.Next(t)
			require.Equal(t, c.want, got.Status, name)
			if c.detail != "" {
				c.body = fmt.Sprintf(`{"detail":%q}`, c.detail)
			}
			require.Equal(t, c.body, got.Body, name)
			require.Equal(t, c.want == 503, got.Header.Get("Retry-After") != "", name)
		}
		now = answer{200, `{"config":{"secret_access_key":"topsecret-of-somebody","account_key":"short","deep":[{"secret_access_key":"********abcd"}],"access_key_id":"AKIA","secret_access_key_":null}}`, nil, 200, ""}
		got := g.Call(t, admin("GET", configPath, ""))
		require.Equal(t, `{"config":{"secret_access_key":"********body","account_key":"********","deep":[{"secret_access_key":"********abcd"}],"access_key_id":"AKIA","secret_access_key_":null}}`, got.Body)
	})
}

func TestStorageServiceThatIsAway(t *testing.T) {
	eachRemote(t, func(x *testkit.Exchange) { x.Reset() }, func(t *testing.T, g *testkit.Gateway, service *testkit.Upstream) {
		for range 2 {
			got := g.Call(t, admin("PATCH", configPath, `{"config":{}}`))
			require.Equal(t, 502, got.Status)
			require.JSONEq(t, `{"detail":"Storage service unavailable"}`, got.Body)
			service.Close()
		}
	})
}

// With an external service the gateway keeps nothing.
func TestNoObjectsBesideAStorageService(t *testing.T) {
	testkit.Migrated(gatewaytest.Plan(t)).Each(t, func(t *testing.T, d testkit.Database) {
		service := testkit.NewUpstream(t, func(x *testkit.Exchange) { x.Reply(200, "{}") })
		g := gatewaytest.Start(t, gatewaytest.Spec(), d, map[string]string{"PORTICO_STORAGE_SERVICE_URL": service.URL})
		for _, method := range []string{http.MethodPut, http.MethodGet, http.MethodHead, http.MethodDelete} {
			require.Equal(t, 404, internal(t, g, method, objectsPath+"key", strings.NewReader("x")).Status, method)
		}
		require.Equal(t, 404, internal(t, g, "GET", "/internal/storage/objects", nil).Status)
		require.NoDirExists(t, g.DataDir+"/objects")
		var rows int64
		require.NoError(t, d.Open(t).Raw("SELECT COUNT(*) FROM storage_state").Scan(&rows).Error)
		require.Zero(t, rows)
	})
}
