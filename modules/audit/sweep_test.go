package audit_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"portico.internal/modules/audit"
	"portico.internal/modules/gatewaytest"
	"portico.internal/platform/testkit"
)

// Several replicas that sweep at the same time take what is too old, all of it, and nothing else.
func TestOldEntriesGo(t *testing.T) {
	testkit.Migrated(gatewaytest.Plan(t)).Each(t, func(t *testing.T, d testkit.Database) {
		db := d.Open(t)
		due := time.Now().AddDate(0, 0, -30)
		past(t, db, 3*audit.Batch+1, due.Add(-time.Minute), func(_ int, e *audit.Entry) { e.Action = "test.old" })
		past(t, db, 20, due.Add(time.Hour), nil)
		gatewaytest.Replicas(t, gatewaytest.Spec(), d, map[string]string{"PORTICO_AUDIT_RETENTION_DAYS": "30"})
		require.Eventually(t, func() bool { return count(t, db, "action = ?", "test.old") == 0 }, time.Minute, 10*time.Millisecond)
		require.EqualValues(t, 20, count(t, db, "action = ?", "test.past"))
	})
}

func TestEntriesThatAreKeptForEver(t *testing.T) {
	testkit.Migrated(gatewaytest.Plan(t)).Each(t, func(t *testing.T, d testkit.Database) {
		db := d.Open(t)
		past(t, db, 10, time.Unix(0, 0).AddDate(1, 0, 0), nil)
		g := gatewaytest.Start(t, gatewaytest.Spec(), d, map[string]string{"PORTICO_AUDIT_RETENTION_DAYS": "0"})
		entries, _ := list(t, g, "action=test.past")
		require.Len(t, entries, 10)
		require.Zero(t, g.Stop(t)) // which waits for a sweep
		require.EqualValues(t, 10, count(t, db, "action = ?", "test.past"))
	})
}
