package plugins_test

import (
	"fmt"
	"net/http"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"portico.internal/modules/gatewaytest"
	"portico.internal/platform/testkit"
)

func TestPluginsAreForTheirGroups(t *testing.T) {
	var fakes []entry
	for name, groups := range map[string]string{
		"by-name": `["staff"]`, "by-folded-name": `["  ＳＴＲＡẞE ", "STRASSE  NORD"]`, "others": `["board"]`,
		"none": `[]`, "silent": `null`, "text": `"staff"`, "mixed": `["staff", 7]`, "blank": `["staff", " "]`, "object": `{"staff":true}`,
	} {
		f := newFake(t, name)
		f.groups = groups
		fakes = append(fakes, f.entry())
	}
	byID := newFake(t, "by-id")
	fakes = append(fakes, byID.entry())
	each(t, func(t *testing.T, g *testkit.Gateway) {
		require.Equal(t, 401, g.Call(t, call("GET", "/api/plugins", "")).Status)
		require.Len(t, ids(t, g.Call(t, call("GET", "/api/plugins", root))), len(fakes))
		require.Empty(t, ids(t, g.Call(t, call("GET", "/api/plugins", bob))))
		require.Equal(t, "[]", g.Call(t, call("GET", "/api/plugins", bob)).Body)
		require.ElementsMatch(t, []string{"by-name", "by-id"}, ids(t, g.Call(t, call("GET", "/api/plugins", ann))), "both say staff")

		join(t, g, bob, found(t, g, "Straße Nord"))
		require.Empty(t, ids(t, g.Call(t, call("GET", "/api/plugins", bob))), "two blanks are not one")
		r := g.Call(t, call("GET", "/api/plugins", ann))
		require.Contains(t, r.Body, `{"id":"by-name","name":"Plugin by-name","version":"1.0","description":"","icon":"box","status":"available","reason":null}`)
	}, fakes...)
}

// What groups take for one name is one name here too.
func TestGroupNamesAreComparedAsGroupsCompareThem(t *testing.T) {
	names := [][2]string{
		{"Straße", "STRASSE"}, {"straße", "STRAẞE"}, {"Éclair", "e\u0301CLAIR"}, {"ΣΊΣΥΦΟΣ", "σίσυφος"}, {"ﬁnance", "FINANCE"}, {"ꭰꭱ", "ᎠᎡ"}, {"Kelvin", "\u212Aelvin"}, {" Board ", "board"},
		{"İstanbul", "istanbul"}, {"a b", "ab"}, {"Ⅷ", "viii"},
	}
	var fakes []entry
	for i, pair := range names {
		f := newFake(t, fmt.Sprintf("plugin-%d", i))
		f.groups = fmt.Sprintf("[%q]", pair[1])
		fakes = append(fakes, f.entry())
	}
	each(t, func(t *testing.T, g *testkit.Gateway) {
		for i, pair := range names {
			group := found(t, g, pair[0])
			join(t, g, bob, group)
			second := g.Call(t, call("POST", "/api/admin/groups", root, fmt.Sprintf(`{"name":%q}`, pair[1])))
			same := second.Status == 400
			list := ids(t, g.Call(t, call("GET", "/api/plugins", bob)))
			require.Equal(t, same, slices.Contains(list, fmt.Sprintf("plugin-%d", i)), "%v: %s", pair, second.Body)
			require.Equal(t, 204, g.Call(t, call("DELETE", "/api/admin/groups/"+group, root)).Status)
			if !same {
				require.Equal(t, 204, g.Call(t, call("DELETE", "/api/admin/groups/"+id(t, second), root)).Status)
			}
		}
	}, fakes...)
}

// nameless is a reply without what differs from one request to the next.
func nameless(r testkit.Reply) testkit.Reply {
	r.Header = r.Header.Clone()
	r.Header.Del("X-Request-Id")
	r.Header.Del("Date")
	return r
}

var methods = []string{"GET", "HEAD", "OPTIONS", "TRACE", "PROPFIND", "POST", "PUT", "PATCH", "DELETE"}

func TestWhatACallerMayNotUseIsNotThere(t *testing.T) {
	theirs, down, never := newFake(t, "theirs"), newFake(t, "down"), entry{"never", "http://127.0.0.1:1"}
	theirs.groups, down.groups = `["board"]`, `["board"]`
	each(t, func(t *testing.T, g *testkit.Gateway) {
		require.Len(t, ids(t, g.Call(t, call("GET", "/api/plugins", root))), 3)
		down.set(func() { down.instead = func(http.ResponseWriter, *http.Request) bool { panic(http.ErrAbortHandler) } })
		for _, method := range methods {
			unknown := nameless(g.Call(t, call(method, "/api/nowhere", ann)))
			require.Equal(t, 404, unknown.Status)
			for _, plugin := range []string{"theirs", "down", "never", "nothing", "doc-service", "THEIRS", "theirs%00", "%ff", "a b", "..%2ftheirs", "'", "%25", "b0000000-0000-4000-8000-000000000000"} {
				for _, path := range []string{"/manifest", "/settings", "/settings/", "/manifest?x=1", "/nothing", ""} {
					r := call(method, "/api/plugins/"+plugin+path, ann)
					if method != "GET" && method != "HEAD" {
						r.Body = `{`
					}
					require.Equal(t, unknown, nameless(g.Call(t, r)), "%s %s", method, r.Path)
				}
			}
		}
		require.Equal(t, 401, g.Call(t, call("PATCH", "/api/plugins/theirs/settings", "", "{")).Status)
		require.Equal(t, 405, g.Call(t, call("PUT", "/api/plugins/theirs/settings", root)).Status)
		require.Equal(t, 404, g.Call(t, call("GET", "/api/plugins/nothing/settings", root)).Status)
		require.Empty(t, theirs.take(), "nothing of it reaches the service")

		for _, path := range []string{"/manifest", "/settings"} {
			r := g.Call(t, call("GET", "/api/plugins/never"+path, root))
			require.Equal(t, 502, r.Status)
			require.Equal(t, `{"detail":"Service never cannot be used: unreachable"}`, r.Body)
		}
		require.Contains(t, g.Call(t, call("GET", "/api/plugins", root)).Body, `{"id":"never","name":"Service never","version":"","description":"","icon":null,"status":"unavailable","reason":"unreachable"}`)
	}, theirs.entry(), down.entry(), never)
}

func TestMembershipsCountFromTheNextRequestOn(t *testing.T) {
	f := newFake(t, "reports")
	testkit.Migrated(gatewaytest.Plan(t)).Each(t, func(t *testing.T, d testkit.Database) {
		replicas := gatewaytest.Replicas(t, gatewaytest.Spec(), d, configured(t, f.entry()))
		here, there := replicas[0], replicas[len(replicas)-1]
		staff := found(t, here, "staff")
		token := here.Token(t, ann)
		ask := func(g *testkit.Gateway, method string) int {
			r := testkit.Request{Method: method, Path: "/api/plugins/reports/settings", Token: token}
			if method == "PATCH" {
				r.Body = `{}`
			}
			return g.Call(t, r).Status
		}
		for range 10 {
			require.Equal(t, 404, ask(there, "GET"))
			require.Equal(t, 404, ask(there, "PATCH"))
			join(t, here, ann, staff)
			require.Equal(t, 200, ask(there, "GET"))
			require.Equal(t, 200, ask(there, "PATCH"))
			require.Equal(t, []string{"reports"}, ids(t, there.Call(t, testkit.Request{Method: "GET", Path: "/api/plugins", Token: token})))
			leave(t, here, ann, staff)
		}
	})
}

func TestNobodyGetsInWhenGroupsCannotBeRead(t *testing.T) {
	f := newFake(t, "reports")
	testkit.Migrated(gatewaytest.Plan(t)).Each(t, func(t *testing.T, d testkit.Database) {
		g := gatewaytest.Start(t, gatewaytest.Spec(), d, configured(t, f.entry()))
		join(t, g, ann, found(t, g, "staff"))
		require.Equal(t, 200, g.Call(t, call("GET", "/api/plugins/reports/settings", ann)).Status)
		g.Token(t, bob)
		require.NoError(t, d.Open(t).Exec("DROP TABLE group_memberships").Error)
		f.take()
		for _, as := range []string{ann, bob, root} {
			for _, path := range []string{"", "/reports/settings", "/reports/manifest", "/nothing/settings", "/nothing/manifest"} {
				r := g.Call(t, call("GET", "/api/plugins"+path, as))
				require.Equal(t, 503, r.Status, path)
				require.Equal(t, `{"detail":"Service Unavailable"}`, r.Body)
				require.Equal(t, "1", r.Header.Get("Retry-After"))
			}
		}
		require.Empty(t, f.take())
	})
}
