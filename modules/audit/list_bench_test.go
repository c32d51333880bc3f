package audit_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"portico.internal/modules/audit"
	"portico.internal/modules/gatewaytest"
	"portico.internal/platform/testkit"
)

// BenchmarkList measures pages among 100,000 entries of a year, over HTTP.
func BenchmarkList(b *testing.B) {
	const many = 100_000
	databases := testkit.Migrated(gatewaytest.Plan(b))
	for _, d := range []testkit.Database{databases.SQLite(b), databases.Postgres(b)} {
		db := d.Open(b)
		for part := range 20 {
			past(b, db, many/20, time.Now().Add(-time.Hour-time.Duration(part)*400*time.Hour), func(i int, e *audit.Entry) {
				n := part*many/20 + i
				e.ActorKind, e.ActorID, e.ActorName = "user", new(fmt.Sprintf("%08d-0000-4000-8000-000000000000", n%500)), new(fmt.Sprintf("person%d@example.com", n%500))
				e.Action = []string{"auth.login", "auth.login", "auth.login", "group.changed", "settings.changed"}[n%5]
				e.TargetType, e.TargetID, e.TargetName = new("user"), new(fmt.Sprintf("target-%d", n%5000)), new("Somebody")
				e.Address, e.RequestID = new(fmt.Sprintf("192.0.2.%d", n%200)), new(fmt.Sprintf("request-%d", n))
				e.Changes = new(`{"name":{"old":"Something that was there","new":"Something that is there now"}}`)
				if n%20 == 0 {
					e.Outcome, e.Reason = "failure", new("wrong password")
				}
			})
		}
		if d.Name == "postgres" {
			require.NoError(b, db.Exec("VACUUM ANALYZE").Error) // as autovacuum leaves a database that has lived for a while
		}
		g := gatewaytest.Start(b, gatewaytest.Spec(), d, nil)
		middle, _ := list(b, g, "limit=1&until="+time.Now().AddDate(0, -5, 0).UTC().Format(time.RFC3339))
		for _, query := range []string{
			"", "limit=1000", "before=" + middle[0].ID, "actor=person7@example.com", "actor=00000007-0000-4000-8000-000000000000",
			"action=auth.login", "action=group", "action=nothing", "target_type=user", "target_type=nothing", "target_id=target-77", "outcome=failure",
			"address=192.0.2.9", "request_id=request-5", "since=" + time.Now().AddDate(0, -2, 0).UTC().Format(time.RFC3339),
			"until=" + time.Now().AddDate(0, -9, 0).UTC().Format(time.RFC3339),
			"action=auth.login&outcome=failure&since=" + time.Now().AddDate(0, -6, 0).UTC().Format(time.RFC3339),
		} {
			b.Run(d.Name+"/"+query, func(b *testing.B) {
				for b.Loop() {
					require.Equal(b, 200, g.Call(b, call("GET", logPath+"?"+query, root)).Status)
				}
			})
		}
	}
}
