package database_test

import (
	"bytes"
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"portico.internal/platform/database"
	"portico.internal/platform/testkit"
)

// A statement whose caller leaves while it waits for its turn fails in the driver's own way: with PostgreSQL it is a bad
// connection. That is no news.
func TestLeftStatementIsNotLogged(t *testing.T) {
	long := map[string]string{
		"sqlite":   "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200000) SELECT max(i) FROM n",
		"postgres": "SELECT pg_sleep(0.4)",
	}
	tables.Each(t, func(t *testing.T, d testkit.Database) {
		var log bytes.Buffer
		db, err := database.Open(t.Context(), database.Config{URL: d.URL, Logger: slog.New(slog.NewJSONHandler(&log, nil))})
		require.NoError(t, err)
		defer database.Close(db)
		leaving, leave := context.WithCancel(t.Context())
		require.NoError(t, database.Write(t.Context(), db, func(tx *gorm.DB) error {
			before := make(chan error)
			go func() { before <- tx.Session(&gorm.Session{}).Exec(long[d.Name]).Error }()
			time.AfterFunc(200*time.Millisecond, leave)
			time.Sleep(100 * time.Millisecond)
			_ = tx.WithContext(leaving).Exec("UPDATE things SET count = 1").Error // on a busy machine it may get its turn, or be left earlier
			return <-before
		}))
		require.NotContains(t, log.String(), `"level":"ERROR"`)

		require.Error(t, db.Exec("UPDATE nowhere SET count = 1").Error)
		require.Contains(t, log.String(), "UPDATE nowhere", "other failures are news")
	})
}
