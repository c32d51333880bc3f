package audit_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"portico.internal/modules/audit"
	"portico.internal/modules/gatewaytest"
	"portico.internal/platform/testkit"
)

const (
	root       = gatewaytest.Admin
	ann        = "ann@example.com"
	logPath    = "/api/admin/audit"
	exportPath = "/api/admin/audit/export"
)

func call(method, path, as string, body ...string) testkit.Request {
	return testkit.Request{Method: method, Path: path, As: as, Body: strings.Join(body, "")}
}

// under is a request with an id of its own.
func under(id string, r testkit.Request) testkit.Request {
	r.Header = http.Header{"X-Request-Id": {id}}
	return r
}

// entry is one as the API shows it.
type entry struct {
	ID      string
	At      time.Time
	Actor   struct{ Kind, ID, Name string }
	Action  string
	Target  struct{ Type, ID, Name string }
	Outcome string
	Reason  string
	Changes map[string]struct{ Old, New any }
	Address string
	Request string `json:"request_id"`
}

func list(t testing.TB, g *testkit.Gateway, query string) ([]entry, string) {
	t.Helper()
	r := g.Call(t, call("GET", logPath+"?"+query, root))
	require.Equal(t, 200, r.Status, r.Body)
	var entries []entry
	require.NoError(t, json.Unmarshal([]byte(r.Body), &entries), r.Body)
	return entries, r.Header.Get("X-Total-Count")
}

func made(t testing.TB, g *testkit.Gateway, r testkit.Request) string {
	t.Helper()
	reply := g.Call(t, r)
	require.Less(t, reply.Status, 300, reply.Body)
	var thing struct{ ID string }
	require.NoError(t, json.Unmarshal([]byte(reply.Body), &thing))
	return thing.ID
}

// past puts entries into the database, each a second younger than the one before, up to the time.
func past(t testing.TB, db *gorm.DB, n int, until time.Time, change func(i int, e *audit.Entry)) {
	t.Helper()
	entries := make([]audit.Entry, n)
	for i := range entries {
		at := until.UTC().Truncate(time.Microsecond).Add(time.Duration(i-n+1) * time.Second)
		entries[i] = audit.Entry{ID: audit.NewID(at), At: at, ActorKind: "system", Action: "test.past", Outcome: "success", RequestID: new(fmt.Sprint("past-", i))}
		if change != nil {
			change(i, &entries[i])
		}
	}
	require.NoError(t, db.CreateInBatches(&entries, 500).Error)
}

func count(t testing.TB, db *gorm.DB, where ...any) (n int64) {
	t.Helper()
	query := db.Model(&audit.Entry{})
	if len(where) > 0 {
		query = query.Where(where[0], where[1:]...)
	}
	require.NoError(t, query.Count(&n).Error)
	return n
}

// each runs the test with a gateway on a database of each kind, which the test may look into.
func each(t *testing.T, environ map[string]string, test func(t *testing.T, g *testkit.Gateway, db *gorm.DB)) {
	t.Helper()
	testkit.Migrated(gatewaytest.Plan(t)).Each(t, func(t *testing.T, d testkit.Database) {
		test(t, gatewaytest.Start(t, gatewaytest.Spec(), d, environ), d.Open(t))
	})
}
