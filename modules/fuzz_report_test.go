package modules_test

import (
	"context"
	"maps"
	"net/http"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"portico.internal/modules/gatewaytest"
	"portico.internal/platform/app"
	"portico.internal/platform/testkit"
)

// tally counts the replies of a route.
type tally struct {
	byActor  map[string]int
	byStatus map[int]int
}

func (t *tally) count(a asked) {
	if t.byActor == nil {
		t.byActor, t.byStatus = map[string]int{}, map[int]int{}
	}
	t.byActor[a.actor.name]++
	if !a.request.Elsewhere {
		t.byStatus[a.reply.Status]++
	}
}

// failure is one way in which a route has failed, and how often.
type failure struct {
	first asked
	text  string
	count int
}

// fail notes a failure down. The first of its kind at a route is kept whole, the others are counted.
func (f *fuzz) fail(a asked, kind, text string) {
	route := "no route"
	if a.fuzzRoute != nil {
		route = a.op.String()
	}
	key := route + ": " + kind
	if f.failures[key] == nil {
		f.failures[key] = &failure{first: a, text: text}
	}
	f.failures[key].count++
}

// neverSucceed are routes that no request here can have a success of, with the reason.
var neverSucceed = map[string]string{
	"DELETE /api/documents":         "the document service has no such method",
	"OPTIONS /api/documents":        "the document service has no such method",
	"HEAD /api/documents":           "the document service has no such method",
	"PATCH /api/documents":          "the document service has no such method",
	"PUT /api/documents":            "the document service has no such method",
	"OPTIONS /api/documents/{path}": "the document service has no such method",

	"POST /api/documents/{id}/classify": "there is no AI that could sort documents",
}

// tell tells every failure once.
func (f *fuzz) tell(t *testing.T) {
	for _, key := range slices.Sorted(maps.Keys(f.failures)) {
		failure := f.failures[key]
		who, curl := "", ""
		if failure.first.fuzzRoute != nil {
			base := f.URL
			if failure.first.internal {
				base = f.Internal
			}
			who, curl = failure.first.actor.name, failure.first.request.Curl(base)
		}
		t.Errorf("%s (%d times)\n  as %s: %s\n  %.1500s", key, failure.count, who, curl, failure.text)
	}
}

// covered fails where a route was not reached: by everybody, and by somebody with success.
func (f *fuzz) covered(t *testing.T, whole bool) {
	statuses, sum := map[int]int{}, 0
	for _, r := range f.routes {
		succeeded := false
		for status, n := range r.byStatus {
			statuses[status] += n
			sum += n
			succeeded = succeeded || status < 300
		}
		if !whole {
			continue
		}
		if _, never := neverSucceed[r.op.String()]; succeeded == never {
			t.Errorf("%s: succeeded: %v, contrary to what is known of it; replies by status: %v", r.op, succeeded, r.byStatus)
		}
		for _, a := range f.callers(r) {
			least := f.decks - 2 // the last deck may not have been played, and of a request there may be no reply
			if slowRoutes[r.op.String()] {
				least = 1
			}
			if r.byActor[a.name] < least {
				t.Errorf("%s was asked %d times as %s", r.op, r.byActor[a.name], a.name)
			}
		}
	}
	t.Logf("%d requests to %d routes, replies by status: %v", sum, len(f.routes), statuses)
}

func (f *fuzz) callers(r *fuzzRoute) []*actor {
	if r.internal {
		return f.services
	}
	return f.actors
}

// measures are what must not grow.
type measures struct{ Goroutines, Files, HeapMB int }

// measure counts what this process holds, the gateway with it.
func (f *fuzz) measure(t *testing.T) measures {
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	debug.FreeOSMemory()
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	files, err := os.ReadDir("/proc/self/fd")
	if !os.IsNotExist(err) { // there is none but on Linux
		require.NoError(t, err)
	}
	return measures{runtime.NumGoroutine(), len(files), int(memory.HeapAlloc >> 20)}
}

// fits tells whether nothing has grown but by what a pool of connections and a cache may take.
func (m measures) fits(before measures) bool {
	return m.Goroutines <= before.Goroutines+40 && m.Files <= before.Files+30 && m.HeapMB <= before.HeapMB+64
}

// whole looks into the database and the storage, as an operator would.
func (f *fuzz) whole(t *testing.T) {
	if f.database.Name == "sqlite" {
		var damage []string
		require.NoError(t, f.database.Open(t).Raw("PRAGMA integrity_check").Scan(&damage).Error)
		require.Equal(t, []string{"ok"}, damage)
	}
	var out, log testkit.Output
	environ := []string{"DATABASE_URL=" + f.database.URL, "JWT_PRIVATE_KEY=" + gatewaytest.PrivateKey, "JWT_PUBLIC_KEY=" + gatewaytest.PublicKey}
	for name, value := range f.environ {
		environ = append(environ, name+"="+value)
	}
	code := app.Run(context.Background(), gatewaytest.Spec(), app.Process{Args: []string{"storage", "verify"}, Environ: environ, Stdin: strings.NewReader(""), Stdout: &out, Stderr: &log})
	require.Zero(t, code, "storage verify: %s %s", &out, &log)
}
