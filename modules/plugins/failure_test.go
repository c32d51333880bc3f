package plugins_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"portico.internal/platform/testkit"
)

// on answers one method of /plugin/settings in another way.
func on(method string, status int, body string) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path != "/plugin/settings" || r.Method != method {
			return false
		}
		w.Header().Set("WWW-Authenticate", "Bearer")
		w.Header().Set("Location", "http://127.0.0.1:1/")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
		return true
	}
}

func TestFailuresOfTheService(t *testing.T) {
	f := reports(t)
	large := `{"title":"` + strings.Repeat("x", 1<<20) + `"}`
	deep := strings.Repeat(`{"a":`, 65) + `1` + strings.Repeat(`}`, 65)
	const said = "the database of canary-host said no"
	each(t, func(t *testing.T, g *testkit.Gateway) {
		for _, row := range []struct {
			instead func(http.ResponseWriter, *http.Request) bool
			method  string
			status  int
			detail  string
		}{
			{on("GET", 401, said), "GET", 502, `Service reports sent no settings`},
			{on("GET", 403, said), "GET", 502, `Service reports sent no settings`},
			{on("GET", 404, said), "GET", 502, `Service reports sent no settings`},
			{on("GET", 422, `{"detail":"`+said+`"}`), "GET", 502, `Service reports sent no settings`},
			{on("GET", 302, said), "GET", 502, `Service reports sent no settings`},
			{on("GET", 500, said), "GET", 502, `Service reports sent no settings`},
			{on("GET", 200, said), "GET", 502, `What Service reports sent as settings is not JSON`},
			{on("GET", 200, `[]`), "GET", 502, `What Service reports sent as settings is not an object`},
			{on("GET", 200, deep), "GET", 502, `What Service reports sent as settings is nested too deeply`},
			{on("GET", 200, large), "GET", 502, `What Service reports sent as settings is larger than 1 MiB`},
			{func(http.ResponseWriter, *http.Request) bool { panic(http.ErrAbortHandler) }, "GET", 502, `Service reports unavailable`},
			{on("GET", 500, said), "PATCH", 502, `Service reports sent no settings`},
			{on("PATCH", 401, said), "PATCH", 502, `Service reports sent no answer to the change of its settings`},
			{on("PATCH", 403, said), "PATCH", 502, `Service reports sent no answer to the change of its settings`},
			{on("PATCH", 404, said), "PATCH", 502, `Service reports sent no answer to the change of its settings`},
			{on("PATCH", 412, said), "PATCH", 502, `Service reports sent no answer to the change of its settings`},
			{on("PATCH", 500, said), "PATCH", 502, `Service reports sent no answer to the change of its settings`},
			{on("PATCH", 303, said), "PATCH", 502, `Service reports sent no answer to the change of its settings`},
			{on("PATCH", 200, said), "PATCH", 502, `What Service reports sent as settings is not JSON`},
			{on("PATCH", 400, said), "PATCH", 400, `Service reports refused the settings`},
			{on("PATCH", 400, `{"detail":{"a":1}}`), "PATCH", 400, `Service reports refused the settings`},
			{on("PATCH", 400, `{"detail":"The quota is smaller <b>than</b> that"}`), "PATCH", 400, `The quota is smaller than that`},
			{on("PATCH", 409, `{"detail":"A report is being made"}`), "PATCH", 409, `A report is being made`},
			{on("PATCH", 422, `{"detail":"No such host"}`), "PATCH", 422, `No such host`},
			{on("PATCH", 400, `{"detail":"`+strings.Repeat("x", 600)+`"}`), "PATCH", 400, strings.Repeat("x", 500)},
			{on("PATCH", 400, `{"detail":"Key CANARY-KEY-0001 is wrong"}`), "PATCH", 400, `Service reports refused the settings`},
			{on("PATCH", 400, `{"detail":"The key that ends with ry-0002 is wrong"}`), "PATCH", 400, `Service reports refused the settings`},
			{on("PATCH", 400, `{"detail":"The PIN is not 4711"}`), "PATCH", 400, `Service reports refused the settings`},
			{on("PATCH", 422, `{"detail":[{"type":"x","loc":["body","api_key"],"msg":"not fresh-canary-0002"}]}`), "PATCH", 422, `Service reports refused the settings`},
			{on("PATCH", 422, `{"detail":[{"loc":["body"],"msg":"no type"}]}`), "PATCH", 422, `Service reports refused the settings`},
		} {
			f.set(func() { f.instead = row.instead })
			r := g.Call(t, call(row.method, settingsPath, ann, map[string]string{"PATCH": `{"api_key":"fresh-canary-0002","days":2,"smtp":{"password":"4711"}}`, "GET": ""}[row.method]))
			require.Equal(t, row.status, r.Status, r.Body)
			require.Equal(t, `{"detail":"`+row.detail+`"}`, r.Body)
			require.Empty(t, r.Header.Values("Location"))
			require.Empty(t, r.Header.Values("WWW-Authenticate"))
		}
		f.set(func() {
			f.instead = on("PATCH", 422, `{"detail":[{"type":"value_error","loc":["body","sources",1,"kind"],"msg":"Value error, no such kind","input":"canary-token-a","ctx":{"k":"canary-token-a"},"url":"http://127.0.0.1"}]}`)
		})
		r := g.Call(t, call("PATCH", settingsPath, ann, `{"days":2}`))
		require.Equal(t, `{"detail":[{"type":"value_error","loc":["body","sources",1,"kind"],"msg":"Value error, no such kind","input":null}]}`, r.Body)
		require.NotContains(t, g.Log.String(), "canary")
		f.set(func() { f.instead = nil })
	}, f.entry())
}

// badly answers for services that misbehave. Each has what its plugin is listed with.
var badly = map[string]struct {
	answer func(x *testkit.Exchange)
	reason string
}{
	"hanging":   {func(x *testkit.Exchange) { x.Hang() }, "timed out"},
	"resetting": {func(x *testkit.Exchange) { x.Reset() }, "unreachable"},
	"dripping": {func(x *testkit.Exchange) {
		x.Send("HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n")
		x.Drip(strings.Repeat(" ", 5000), 50*time.Millisecond)
	}, "timed out"},
	"large": {func(x *testkit.Exchange) {
		x.Send("HTTP/1.1 200 OK\r\nContent-Length: 104857600\r\n\r\n")
		for x.Send(strings.Repeat(" ", 64<<10)) {
		}
	}, "the manifest is larger than 256 KiB"},
	"wrong": {func(x *testkit.Exchange) { x.Reply(200, `{"id":`) }, "the manifest is not JSON"},
	"deep": {func(x *testkit.Exchange) {
		x.Reply(200, strings.Repeat(`{"a":`, 10_000)+`1`+strings.Repeat(`}`, 10_000))
	}, "the manifest is nested too deeply"},
	"remote": {func(x *testkit.Exchange) {
		x.Reply(200, manifestWith("remote", `{"$ref":"http://127.0.0.1:1/x.json"}`))
	}, "settings_schema refers to another document"},
	"catastrophic": {func(x *testkit.Exchange) { x.Reply(200, manifestWith("catastrophic", `{"pattern":"^(a+)+$"}`)) }, "settings_schema holds a pattern that may take a browser for ever"},
}

func manifestWith(id, schema string) string {
	return fmt.Sprintf(`{"id":%q,"name":"x","version":"1","required_groups":["staff"],"settings_schema":%s}`, id, schema)
}

func TestBadServicesSlowNobodyAndAreListedWithAReason(t *testing.T) {
	var list []entry
	for id, bad := range badly {
		list = append(list, entry{id, testkit.NewUpstream(t, bad.answer).URL})
	}
	for i := range 12 {
		list = append(list, newFake(t, fmt.Sprintf("good-%d", i)).entry())
	}
	each(t, func(t *testing.T, g *testkit.Gateway) {
		plugins := g.Call(t, call("GET", "/api/plugins", root))
		require.Equal(t, len(list), strings.Count(plugins.Body, `"id":`))
		for id, bad := range badly {
			require.Contains(t, plugins.Body, fmt.Sprintf(`{"id":"%s","name":"Service %s","version":"","description":"","icon":null,"status":"unavailable","reason":"%s"}`, id, id, bad.reason))
			status := 502
			if bad.reason == "timed out" {
				status = 504
			}
			require.Equal(t, status, g.Call(t, call("GET", "/api/plugins/"+id+"/manifest", root)).Status, id)
			require.Equal(t, 404, g.Call(t, call("GET", "/api/plugins/"+id+"/manifest", ann)).Status, id)
		}
		require.Len(t, ids(t, g.Call(t, call("GET", "/api/plugins", ann))), 12)
		require.Equal(t, 12, strings.Count(plugins.Body, `"status":"available","reason":null`))

		services := g.Call(t, call("GET", "/api/services", ann))
		for id, detail := range map[string]string{"hanging": "timed out", "resetting": "unreachable", "dripping": "timed out", "good-0": "ok", "good-11": "ok"} {
			status := map[bool]string{true: "healthy", false: "unhealthy"}[detail == "ok"]
			require.Regexp(t, `\{"id":"`+id+`","name":"Service `+id+`","status":"`+status+`","latency_ms":\d+,"checked_at":"[^"]+","detail":"`+detail+`"\}`, services.Body)
		}
		for _, host := range []string{"127.0.0.1", "localhost", "refused", "EOF"} {
			require.NotContains(t, plugins.Body+services.Body, host)
		}
	}, list...)
}

func TestPluginComesBackByItself(t *testing.T) {
	f := newFake(t, "reports")
	f.instead = func(http.ResponseWriter, *http.Request) bool { panic(http.ErrAbortHandler) }
	g := one(t, configured(t, f.entry()))
	require.Equal(t, 404, g.Call(t, call("GET", settingsPath, ann)).Status)
	require.Equal(t, 502, g.Call(t, call("GET", settingsPath, root)).Status)
	f.set(func() { f.instead = nil })
	require.Eventually(t, func() bool { return g.Call(t, call("GET", settingsPath, ann)).Status == 200 }, patience, 20*time.Millisecond)
}

// One service that hangs fills its places, and neither the rest of the gateway nor what is known of it suffers.
func TestHangingSettingsHoldUpNobodyElse(t *testing.T) {
	f, other := reports(t), newFake(t, "other")
	var hanging atomic.Int64
	release := make(chan struct{})
	f.instead = func(_ http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/plugin/settings" {
			hanging.Add(1)
			<-release
		}
		return false
	}
	environ := configured(t, f.entry(), other.entry())
	environ["PORTICO_DOCUMENTS_SERVICE"] = f.id
	g := one(t, environ)
	var wg sync.WaitGroup
	for range 500 {
		wg.Go(func() { g.Call(t, call("GET", settingsPath, ann)) })
	}
	require.Eventually(t, func() bool { return hanging.Load() == 500 }, patience, 5*time.Millisecond)
	for range 5 {
		r := g.Call(t, call("GET", settingsPath, ann))
		require.Equal(t, 503, r.Status)
		require.Equal(t, `{"detail":"Service reports is busy"}`, r.Body)
		require.NotEmpty(t, r.Header.Get("Retry-After"))
		require.Equal(t, 503, g.Call(t, call("GET", "/api/documents", ann)).Status, "the places are those of the service")
		require.Equal(t, 200, g.Call(t, call("GET", "/api/users/me", ann)).Status)
		require.Equal(t, 200, g.Call(t, call("GET", "/api/plugins/other/settings", ann)).Status)
		require.Equal(t, 200, g.Call(t, call("GET", "/api/plugins/reports/manifest", ann)).Status)
	}
	services := g.Call(t, call("GET", "/api/services", ann)).Body
	require.Contains(t, services, `{"id":"reports","name":"Service reports","status":"healthy"`)
	metrics := metricsOf(t, g)
	require.Contains(t, metrics, `portico_upstream_in_flight{service="reports"} 500`)
	require.Contains(t, metrics, `portico_upstream_duration_seconds_count{outcome="refused",service="reports"} 10`)
	require.Contains(t, metrics, `portico_upstream_duration_seconds_count{outcome="2xx",service="other"} 5`)
	close(release)
	wg.Wait()
}

// A service that takes too long is told apart from one that is not there, and is left alone for a while.
func TestSlowSettingsAreATimeout(t *testing.T) {
	f := reports(t)
	f.instead = func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/plugin/settings" {
			<-r.Context().Done()
		}
		return false
	}
	g := one(t, configured(t, f.entry()))
	var wg sync.WaitGroup
	for range 6 {
		wg.Go(func() {
			r := g.Call(t, call("GET", settingsPath, root))
			require.Equal(t, 504, r.Status)
			require.Equal(t, `{"detail":"Service reports timed out"}`, r.Body)
		})
	}
	wg.Wait()
	r := g.Call(t, call("GET", settingsPath, root))
	require.Equal(t, 503, r.Status)
	require.Equal(t, "2", r.Header.Get("Retry-After"))
	f.set(func() { f.instead = nil })
	require.Eventually(t, func() bool { return g.Call(t, call("GET", settingsPath, root)).Status == 200 }, patience, 20*time.Millisecond)
}
