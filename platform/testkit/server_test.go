package testkit_test

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"portico.internal/platform/testkit"
)

func impatient(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	t.Cleanup(cancel)
	return ctx
}

func TestServerIsDurableAndComesBack(t *testing.T) {
	server := testkit.NewServer(t, "max_connections=17")
	d := server.Database(t)
	conn := connect(t, d.URL)
	for setting, want := range map[string]string{
		"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on", "max_connections": "17",
	} {
		var value string
		require.NoError(t, conn.QueryRow(t.Context(), "SHOW "+setting).Scan(&value))
		require.Equal(t, want, value, setting)
	}
	_, err := conn.Exec(t.Context(), "CREATE TABLE kept AS SELECT 1 AS n")
	require.NoError(t, err)

	for range 2 {
		server.Kill(t)
		require.Error(t, one(t.Context(), conn))
		_, err = pgx.Connect(t.Context(), d.URL)
		require.ErrorContains(t, err, "connection refused")
		server.Start(t)
		conn = connect(t, d.URL)
		var n int
		require.NoError(t, conn.QueryRow(t.Context(), "SELECT n FROM kept").Scan(&n))
	}
}

func TestServerFreezesAndThaws(t *testing.T) {
	server := testkit.NewServer(t)
	conn := connect(t, server.URL)
	thaw := server.Freeze(t)
	_, err := pgx.Connect(impatient(t), server.URL)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	answered := make(chan error, 1)
	go func() { answered <- one(context.Background(), conn) }()
	select {
	case err := <-answered:
		require.Fail(t, "it answers", err)
	case <-time.After(100 * time.Millisecond):
	}
	thaw()
	require.NoError(t, <-answered)
	connect(t, server.URL)
}

func TestServerEndsWithItsTest(t *testing.T) {
	for name, harm := range map[string]func(*testing.T, *testkit.Server){
		"running": func(*testing.T, *testkit.Server) {},
		"frozen":  func(t *testing.T, s *testkit.Server) { s.Freeze(t) },
		"killed":  func(t *testing.T, s *testkit.Server) { s.Kill(t) },
	} {
		var dir string
		t.Run(name, func(t *testing.T) {
			server := testkit.NewServer(t)
			_, dir, _ = strings.Cut(server.URL, "host=")
			harm(t, server)
		})
		_, err := os.Stat(dir)
		require.ErrorIs(t, err, os.ErrNotExist, name)
	}
}
