package testkit_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"portico.internal/platform/testkit"
)

const soon = 20 * time.Second // bounds waits that a healthy run ends in milliseconds

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}

func one(ctx context.Context, conn *pgx.Conn) error {
	var n int
	return conn.QueryRow(ctx, "SELECT 1 + $1::int", 0).Scan(&n)
}

func TestRelayRefusesAndCuts(t *testing.T) {
	relay := testkit.NewRelay(t, testkit.Postgres(t))
	conn := connect(t, relay.URL)
	require.NoError(t, one(t.Context(), conn))

	relay.Refuse(1)
	_, err := pgx.Connect(t.Context(), relay.URL)
	require.Error(t, err)
	require.EqualValues(t, 1, relay.Refused())
	require.NoError(t, one(t.Context(), conn), "it stands")
	second := connect(t, relay.URL)

	relay.Cut()
	require.Error(t, one(t.Context(), conn))
	require.Error(t, one(t.Context(), second))
	third := connect(t, relay.URL)

	relay.Down()
	require.Error(t, one(t.Context(), third))
	_, err = pgx.Connect(t.Context(), relay.URL)
	require.Error(t, err)
	require.Greater(t, relay.Refused(), int64(1)) // a client whose connection breaks also makes one to cancel its query
	relay.Up()
	require.NoError(t, one(t.Context(), connect(t, relay.URL)))
}

func TestRelayStallsAndDelays(t *testing.T) {
	relay := testkit.NewRelay(t, testkit.Postgres(t))
	conn := connect(t, relay.URL)
	release := relay.Stall()
	answered := make(chan error, 1)
	go func() { answered <- one(context.Background(), conn) }()
	impatient, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err := pgx.Connect(impatient, relay.URL)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Empty(t, answered)
	release()
	require.NoError(t, <-answered)

	require.NoError(t, one(t.Context(), conn))
	before, begun := relay.RoundTrips(), time.Now()
	relay.Delay(50 * time.Millisecond)
	for range 3 {
		require.NoError(t, one(t.Context(), conn))
	}
	require.GreaterOrEqual(t, time.Since(begun), 150*time.Millisecond)
	require.EqualValues(t, 3, relay.RoundTrips()-before)
	require.NoError(t, conn.Ping(t.Context()))
	require.EqualValues(t, 3, relay.RoundTrips()-before, "a pool's ping is not counted")
	tx, err := conn.Begin(t.Context())
	require.NoError(t, err)
	require.NoError(t, tx.Commit(t.Context()))
	require.EqualValues(t, 5, relay.RoundTrips()-before)
}

func TestRelayIsDeafToNotifications(t *testing.T) {
	server := testkit.Postgres(t)
	relay := testkit.NewRelay(t, server)
	listener, speaker := connect(t, relay.URL), connect(t, server)
	exec := func(conn *pgx.Conn, statement string) {
		_, err := conn.Exec(t.Context(), statement)
		require.NoError(t, err)
	}
	exec(listener, "LISTEN relay")
	relay.Deafen(true)
	exec(speaker, "NOTIFY relay, 'missed'")
	exec(listener, "SELECT 1") // with its answer comes what was announced before
	relay.Deafen(false)
	exec(speaker, "NOTIFY relay, 'heard'")
	ctx, cancel := context.WithTimeout(t.Context(), soon)
	defer cancel()
	heard, err := listener.WaitForNotification(ctx)
	require.NoError(t, err)
	require.Equal(t, "heard", heard.Payload)
}
