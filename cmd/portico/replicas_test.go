package main_test

import (
	"flag"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"portico.internal/modules/gatewaytest"
	"portico.internal/platform/migrate"
	"portico.internal/platform/testkit"
)

// Replicas that start at once on an empty database make one schema and one administrator, and know each other's users.
func TestFiveReplicasOnAnEmptyDatabase(t *testing.T) {
	t.Parallel()
	empty := testkit.Prepared(nil)
	first := env{"PORTICO_ADMIN_EMAIL": gatewaytest.Admin, "PORTICO_ADMIN_PASSWORD": testkit.Password}
	alone := empty.Postgres(t)
	require.Equal(t, 0, in(t, on(alone)).serve(t).stop(t))
	want, err := migrate.Schema(t.Context(), alone.Open(t))
	require.NoError(t, err)

	d := empty.Postgres(t)
	var starting [5]*process
	var programs [5]program
	for i := range starting {
		programs[i] = in(t, on(d).with(first))
		starting[i] = programs[i].start(t)
	}
	var replicas [5]*gateway
	made := 0
	for i, process := range starting {
		replicas[i] = process.listening(t, programs[i])
		made += strings.Count(process.err.String(), "first administrator made")
	}
	require.Equal(t, 1, made)
	schema, err := migrate.Schema(t.Context(), d.Open(t))
	require.NoError(t, err)
	require.Equal(t, want, schema)
	var superusers int
	require.NoError(t, d.Open(t).Raw("SELECT count(*) FROM users WHERE is_superuser").Scan(&superusers).Error)
	require.Equal(t, 1, superusers)

	token := replicas[0].SignIn(t, gatewaytest.Admin, testkit.Password)
	for _, g := range replicas {
		require.Equal(t, http.StatusOK, g.get(t, "", "/health/ready").Status)
		require.Contains(t, g.get(t, token, "/api/users/me").Body, `"is_admin":true`)
		require.Equal(t, 0, g.stop(t))
	}
}

var startKills = flag.Int("start-kills", 3, "how often replicas are killed while they start, on each database")

// Replicas may be killed at any moment of their first start: the next one finds nothing half done.
func TestReplicasKilledWhileTheyStart(t *testing.T) {
	t.Parallel()
	for name, kind := range map[string]func(testing.TB) testkit.Database{
		"sqlite": testkit.Prepared(nil).SQLite, "postgres": testkit.Prepared(nil).Postgres,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			first := env{"PORTICO_ADMIN_EMAIL": gatewaytest.Admin, "PORTICO_ADMIN_PASSWORD": testkit.Password}
			alone := kind(t)
			began := time.Now()
			g := in(t, on(alone).with(first)).serve(t)
			takes := time.Since(began)
			require.Equal(t, 0, g.stop(t))
			want, err := migrate.Schema(t.Context(), alone.Open(t))
			require.NoError(t, err)
			schemas := map[int]int{} // how many tables there were at the kill
			for range *startKills {
				d := kind(t)
				var killed sync.WaitGroup
				luck := rand.Float64()
				moment := time.Now().Add(time.Duration(luck * luck * float64(takes))) // the schema is made early
				for range 5 {
					r := in(t, on(d).with(first)).start(t)
					killed.Go(func() {
						time.Sleep(time.Until(moment) + rand.N(takes/50))
						r.signal(syscall.SIGKILL)
						<-r.ended
					})
				}
				killed.Wait()
				half, err := migrate.Schema(t.Context(), d.Open(t))
				require.NoError(t, err)
				schemas[strings.Count(half, "CREATE TABLE")]++

				g := in(t, on(d).with(first)).serve(t)
				require.Equal(t, http.StatusOK, g.get(t, "", "/health/ready").Status)
				schema, err := migrate.Schema(t.Context(), d.Open(t))
				require.NoError(t, err)
				require.Equal(t, want, schema)
				var superusers int
				require.NoError(t, d.Open(t).Raw("SELECT count(*) FROM users WHERE is_superuser").Scan(&superusers).Error)
				require.Equal(t, 1, superusers)
				require.Equal(t, 0, g.stop(t))
			}
			t.Log("rounds by how many tables the kills left:", schemas)
		})
	}
}
