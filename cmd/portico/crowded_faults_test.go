package main_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"portico.internal/platform/testkit"
)

// hoarders are connections that others hold.
type hoarders []*pgx.Conn

// fill takes all connections that the server has left.
func (c *hoarders) fill(t testing.TB, url string) {
	t.Helper()
	for {
		conn, err := pgx.Connect(t.Context(), url)
		if err != nil {
			require.ErrorContains(t, err, "53300")
			return
		}
		*c = append(*c, conn)
	}
}

// leave gives them back; the server is done with each a moment later.
func (c *hoarders) leave(t testing.TB) {
	t.Helper()
	last := (*c)[0]
	for _, conn := range (*c)[1:] {
		require.NoError(t, conn.Close(t.Context()))
	}
	require.Eventually(t, func() bool {
		var left int
		require.NoError(t, last.QueryRow(t.Context(), "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()").Scan(&left))
		return left == 1
	}, patience, time.Millisecond)
	require.NoError(t, last.Close(t.Context()))
	*c = nil
}

// A server whose connections others hold makes a start wait and then say why, and a running gateway answer 503 until
// there is room again.
func TestPostgresWithoutRoom(t *testing.T) {
	t.Parallel()
	const room = 12
	server := testkit.NewServer(t, "max_connections=12", "superuser_reserved_connections=0")
	d := server.Database(t)
	var others hoarders
	others.fill(t, server.URL)
	require.Len(t, others, room)

	hasty := in(t, on(d).with(env{"PORTICO_DATABASE_CONNECT_TIMEOUT": "2s"}))
	require.Regexp(t, `^portico: database\.url \(DATABASE_URL\): cannot open \S+ within 2s: sorry, too many clients already$`, hasty.fails(t, "serve"))

	patient := in(t, on(d).with(env{"PORTICO_DATABASE_CONNECT_TIMEOUT": patience.String()}))
	starting := patient.start(t)
	select {
	case <-starting.ended:
		require.Fail(t, "it does not wait", starting.err)
	case <-time.After(time.Second):
	}
	others.leave(t)
	g := starting.listening(t, patient)
	ann := g.Token(t, "ann@example.com")
	require.Equal(t, http.StatusOK, g.get(t, ann, "/api/documents").Status)

	require.Eventually(t, func() bool { // those of the gateway end, and others are faster
		others.fill(t, server.URL)
		_, err := others[0].Exec(t.Context(), "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname <> current_database()")
		require.NoError(t, err)
		return len(others) == room
	}, patience, time.Millisecond)
	g.requireNotReady(t)
	for range 2 {
		for _, a := range g.askAll(append(repeat(50, as(ann, "GET", "/api/users/me/groups", "")), login("ann@example.com"), as(ann, "GET", "/api/documents", ""))) {
			requireUnavailable(t, a)
		}
	}
	g.requireAlive(t)

	others.leave(t)
	g.requireReady(t)
	require.Equal(t, http.StatusOK, g.get(t, ann, "/api/documents").Status)
	require.NotEmpty(t, g.SignIn(t, "ann@example.com", testkit.Password))
	g.hearsAgain(t)
	require.NotContains(t, g.err.String(), `"status":500`)
	require.Equal(t, 0, g.stop(t))
}
