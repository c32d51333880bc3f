package database

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func connector(t *testing.T) sqliteConnector {
	t.Helper()
	c, err := newSQLiteConnector(filepath.Join(t.TempDir(), "test.db"))
	require.NoError(t, err)
	return c
}

// database/sql looks at the context too, but a little earlier: only the driver sees one that ends in between.
func TestStatementThatDidNotRunIsNoSuccess(t *testing.T) {
	conn, err := connector(t).Connect(t.Context())
	require.NoError(t, err)
	defer conn.Close()
	exec := conn.(driver.ExecerContext).ExecContext
	_, err = exec(t.Context(), "CREATE TABLE things (id TEXT)", nil)
	require.NoError(t, err)

	ended, end := context.WithCancel(t.Context())
	end()
	for range 200 { // the driver notices from another goroutine: sometimes the statement runs
		_, err = exec(ended, "INSERT INTO things (id) VALUES ('lost')", nil)
		require.ErrorIs(t, err, context.Canceled)
	}
}

func TestFailedCommitLeavesNoTransaction(t *testing.T) {
	pool := sql.OpenDB(connector(t))
	defer pool.Close()
	pool.SetMaxOpenConns(1)
	_, err := pool.Exec("CREATE TABLE things (id TEXT PRIMARY KEY, of TEXT REFERENCES things (id) DEFERRABLE INITIALLY DEFERRED)")
	require.NoError(t, err)
	tx, err := pool.Begin()
	require.NoError(t, err)
	_, err = tx.Exec("INSERT INTO things (id, of) VALUES ('orphan', 'nobody')")
	require.NoError(t, err)
	require.ErrorContains(t, tx.Commit(), "FOREIGN KEY")

	tx, err = pool.Begin()
	require.NoError(t, err, "the connection is still in the transaction")
	_, err = tx.Exec("INSERT INTO things (id) VALUES ('kept')")
	require.NoError(t, err)
	require.NoError(t, tx.Commit())
	var count int
	require.NoError(t, pool.QueryRow("SELECT count(*) FROM things").Scan(&count))
	require.Equal(t, 1, count)
}

func TestPreparedStatementsWriteAndReadUTC(t *testing.T) {
	pool := sql.OpenDB(connector(t))
	defer pool.Close()
	_, err := pool.Exec("CREATE TABLE moments (at DATETIME)")
	require.NoError(t, err)
	when := time.Date(2024, 5, 1, 12, 0, 0, 1500, time.FixedZone("east", 3600))

	insert, err := pool.Prepare("INSERT INTO moments (at) VALUES (?)")
	require.NoError(t, err)
	defer insert.Close()
	_, err = insert.Exec(when)
	require.NoError(t, err)
	choose, err := pool.Prepare("SELECT at, CAST(at AS TEXT) FROM moments WHERE at = ?")
	require.NoError(t, err)
	defer choose.Close()

	var at time.Time
	var text string
	require.NoError(t, choose.QueryRow(when).Scan(&at, &text))
	require.Equal(t, when.UTC().Truncate(time.Microsecond), at)
	require.Equal(t, "2024-05-01 11:00:00.000001+00:00", text)
}
