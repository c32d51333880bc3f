package main_test

import (
	"net/http"
	"strings"
	"testing"

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
