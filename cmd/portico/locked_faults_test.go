package main_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"portico.internal/platform/testkit"
)

// While another program writes to the SQLite file and does not end, the gateway reads, refuses what would write in time,
// and goes on as soon as the other one is through.
func TestSQLiteThatAnotherProgramHolds(t *testing.T) {
	t.Parallel()
	d := testkit.Prepared(nil).SQLite(t)
	g := in(t, on(d)).serve(t)
	ann := g.Token(t, "ann@example.com")
	write := as(ann, "PATCH", "/api/users/me/preferences", `{"app_ids":["written"]}`)
	idle := g.goroutines(t)

	held := d.Open(t).Begin()
	require.NoError(t, held.Error)
	wrong := login("ann@example.com")
	wrong.Body += "x"
	answers := make(chan []answer, 1)
	go func() { answers <- g.askAll(append(repeat(2, login("ann@example.com")), wrong)) }()
	for _, a := range g.askAll(repeat(60, write)) {
		requireUnavailable(t, a)
	}
	hashed := <-answers // how long that takes is no matter of the database
	for _, a := range hashed[:2] {
		require.Equal(t, http.StatusServiceUnavailable, a.Status, a)
		require.JSONEq(t, `{"detail":"Service Unavailable"}`, a.Body)
	}
	require.Equal(t, http.StatusUnauthorized, hashed[2].Status, hashed[2])
	require.JSONEq(t, `{"app_ids":[]}`, g.get(t, ann, "/api/users/me/preferences").Body)
	g.requireReady(t)
	g.requireAlive(t)

	require.NoError(t, held.Rollback().Error)
	r := g.ask(write)
	require.Equal(t, http.StatusOK, r.Status, r)
	require.NotEmpty(t, g.SignIn(t, "ann@example.com", testkit.Password))
	require.Eventually(t, func() bool { return g.goroutines(t) <= idle+10 }, patience, opEvery, "they return to where they were")
	require.NotContains(t, g.err.String(), `"status":500`)
	require.Equal(t, 0, g.stop(t))
}
