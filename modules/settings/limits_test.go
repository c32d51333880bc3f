package settings_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"portico.internal/modules/gatewaytest"
	"portico.internal/platform/testkit"
)

const limitsPath = "/api/settings/documents/limits"

// admin asks as the administrator.
func admin(method, path, body string) testkit.Request {
	return testkit.Request{Method: method, Path: path, As: gatewaytest.Admin, Body: body}
}

func TestDocumentLimits(t *testing.T) {
	gatewaytest.Each(t, nil, func(t *testing.T, g *testkit.Gateway) {
		g.Run(t,
			testkit.Scenario{Request: admin("GET", limitsPath, ""), Status: 200, Want: []string{`{"max_pdf_mb":20}`}},
			testkit.Scenario{Request: admin("PATCH", limitsPath, `{"max_pdf_mb":1}`), Status: 200, Want: []string{`{"max_pdf_mb":1}`}},
			testkit.Scenario{Request: admin("PATCH", limitsPath, `{"max_pdf_mb":500}`), Status: 200, Want: []string{`{"max_pdf_mb":500}`}},
			testkit.Scenario{Name: "30.0 is an integer", Request: admin("PATCH", limitsPath, `{"max_pdf_mb":30.0}`), Status: 200, Want: []string{`{"max_pdf_mb":30}`}},
			testkit.Scenario{Name: "5e2 too", Request: admin("PATCH", limitsPath, `{"max_pdf_mb":5e2}`), Status: 200, Want: []string{`{"max_pdf_mb":500}`}},
			testkit.Scenario{Name: "nothing", Request: admin("PATCH", limitsPath, `{}`), Status: 200, Want: []string{`{"max_pdf_mb":500}`}},
			testkit.Scenario{Name: "0", Request: admin("PATCH", limitsPath, `{"max_pdf_mb":0}`), Status: 422, Want: []string{`"loc":["body","max_pdf_mb"]`}},
			testkit.Scenario{Name: "501", Request: admin("PATCH", limitsPath, `{"max_pdf_mb":501}`), Status: 422},
			testkit.Scenario{Name: "text", Request: admin("PATCH", limitsPath, `{"max_pdf_mb":"30"}`), Status: 422},
			testkit.Scenario{Name: "bool", Request: admin("PATCH", limitsPath, `{"max_pdf_mb":true}`), Status: 422},
			testkit.Scenario{Name: "fraction", Request: admin("PATCH", limitsPath, `{"max_pdf_mb":1.5}`), Status: 422},
			testkit.Scenario{Name: "null", Request: admin("PATCH", limitsPath, `{"max_pdf_mb":null}`), Status: 422},
			testkit.Scenario{Name: "nothing of it is stored", Request: admin("GET", limitsPath, ""), Status: 200, Want: []string{`{"max_pdf_mb":500}`}},
			testkit.Scenario{Name: "user", Request: testkit.Request{Method: "GET", Path: limitsPath, As: "user@example.com"}, Status: 404},
			testkit.Scenario{Name: "anonymous", Request: testkit.Request{Method: "PATCH", Path: limitsPath, Body: `{"max_pdf_mb":2}`}, Status: 401},
		)
	})
}

func TestChangesAreMadeOnlyToTheVersionNamed(t *testing.T) {
	gatewaytest.Each(t, nil, func(t *testing.T, g *testkit.Gateway) {
		patch := func(tag, body string) testkit.Reply {
			r := admin("PATCH", limitsPath, body)
			r.Header = http.Header{"If-Match": {tag}}
			return g.Call(t, r)
		}
		first := g.Call(t, admin("GET", limitsPath, ""))
		tag := first.Header.Get("ETag")
		require.Regexp(t, `^"0-[0-9a-f]{16}"$`, tag)

		changed := patch(tag, `{"max_pdf_mb":30}`)
		require.Equal(t, 200, changed.Status, changed.Body)
		require.NotEqual(t, tag, changed.Header.Get("ETag"))
		for _, stale := range []string{tag, `W/` + changed.Header.Get("ETag"), `"none"`, ``, `"7"`, tag + `, "9-aa"`} {
			r := patch(stale, `{"max_pdf_mb":40}`)
			require.Equal(t, 412, r.Status, "%s: %s", stale, r.Body)
			require.Equal(t, `{"detail":"Precondition Failed"}`, r.Body)
		}
		require.Equal(t, 412, patch(tag, `{}`).Status, "a change of nothing is one too")
		for _, current := range []string{`*`, `"9-aa", ` + g.Call(t, admin("GET", limitsPath, "")).Header.Get("ETag")} {
			require.Equal(t, 200, patch(current, `{}`).Status, current)
		}

		r := admin("GET", limitsPath, "")
		r.Header = http.Header{"If-None-Match": {`"x", ` + changed.Header.Get("ETag")}}
		again := g.Call(t, r)
		require.Equal(t, 304, again.Status)
		require.Empty(t, again.Body)
		require.Equal(t, changed.Header.Get("ETag"), again.Header.Get("ETag"))
		r.Header = http.Header{"If-None-Match": {tag}}
		require.Equal(t, `{"max_pdf_mb":30}`, g.Call(t, r).Body)
	})
}

// Of many changes to one version exactly one is made, on whatever replica they arrive.
func TestOneChangeOfAVersionWins(t *testing.T) {
	testkit.Migrated(gatewaytest.Plan(t)).Each(t, func(t *testing.T, d testkit.Database) {
		replicas := gatewaytest.Replicas(t, gatewaytest.Spec(), d, nil)
		for round := range *gatewaytest.Rounds {
			tag := replicas[0].Call(t, admin("GET", limitsPath, "")).Header.Get("ETag")
			var requests []testkit.Request
			for i := range 20 {
				r := admin("PATCH", limitsPath, fmt.Sprintf(`{"max_pdf_mb":%d}`, 30+round%10*20+i))
				r.Header = http.Header{"If-Match": {tag}}
				requests = append(requests, r)
			}
			count := gatewaytest.Rush(t, replicas, requests)
			require.Equal(t, map[int]int{200: 1, 412: 19}, count)
		}
	})
}
