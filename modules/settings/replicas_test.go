package settings_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"portico.internal/modules/gatewaytest"
	"portico.internal/platform/testkit"
)

const recentPath = "/api/notes/first/recent"

// until asks a replica from its memory until it says so.
func until(t *testing.T, g *testkit.Gateway, want string) {
	t.Helper()
	require.Eventually(t, func() bool { return strings.Contains(does(t, g, "GET", recentPath, ""), want) }, time.Minute, 5*time.Millisecond, want)
}

// A change is told to the other replica, which then no longer says what it remembers.
func TestOtherReplicaHearsOfAChange(t *testing.T) {
	d := testkit.Migrated(gatewaytest.Plan(t)).Postgres(t)
	heard := make(chan string, 1000)
	one := gatewaytest.Start(t, gatewaytest.Spec(withNotesAlone), d, nil)
	other := gatewaytest.Start(t, gatewaytest.Spec(withNotes(func(key string) { heard <- key })), d, nil)
	hears := func(want string) {
		t.Helper()
		deadline := time.After(time.Minute)
		for {
			select {
			case key := <-heard:
				if key == want {
					return
				}
			case <-deadline:
				require.Fail(t, "the other replica hears nothing", want)
			}
		}
	}
	hears("") // it listens
	for _, title := range []string{"one", "two", "three", "four", "five"} {
		does(t, other, "GET", recentPath, "") // to be remembered
		does(t, one, "PATCH", "/api/notes/first", `{"title":"`+title+`"}`)
		hears("notes.first")
		require.Contains(t, does(t, other, "GET", recentPath, ""), `"title":"`+title+`"`)
		require.Contains(t, does(t, one, "GET", recentPath, ""), `"title":"`+title+`"`)
	}

	// Somebody who changes rows by hand can say so.
	db := d.Open(t)
	does(t, other, "GET", recentPath, "")
	require.NoError(t, db.Exec(`UPDATE settings SET value = '{"title":"by hand"}'`).Error)
	require.NoError(t, db.Exec("NOTIFY portico, 'settings'").Error)
	hears("")
	require.Contains(t, does(t, other, "GET", recentPath, ""), "by hand")
}

// Who hears nothing follows all the same.
func TestReplicaThatHearsNothingFollows(t *testing.T) {
	testkit.Migrated(gatewaytest.Plan(t)).Each(t, func(t *testing.T, d testkit.Database) {
		replicas := gatewaytest.Replicas(t, gatewaytest.Spec(withNotesAlone), d, nil)
		db := d.Open(t)
		does(t, replicas[0], "PATCH", "/api/notes/first", `{"title":"one"}`)
		for _, g := range replicas {
			until(t, g, `"title":"one"`)
		}
		require.NoError(t, db.Exec(`UPDATE settings SET value = '{"title":"unannounced"}'`).Error)
		for _, g := range replicas {
			until(t, g, `"title":"unannounced"`)
		}
		if d.Name == "sqlite" {
			return
		}
		for _, title := range []string{"two", "three", "four"} {
			killed := 0
			require.Eventually(t, func() bool {
				require.NoError(t, db.Raw(`SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
					WHERE datname = current_database() AND query IN ('LISTEN "portico"', '-- ping')`).Scan(&killed).Error)
				return killed > 0
			}, time.Minute, 5*time.Millisecond, "nobody listens")
			does(t, replicas[0], "PATCH", "/api/notes/first", `{"title":"`+title+`"}`)
			until(t, replicas[1], `"title":"`+title+`"`)
		}
	})
}
