package database_test

import (
	"bytes"
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"portico.internal/platform/database"
	"portico.internal/platform/errs"
	"portico.internal/platform/testkit"
)

func requireUnavailable(t *testing.T, err error) {
	t.Helper()
	var known *errs.Error
	require.ErrorAs(t, err, &known)
	require.Equal(t, errs.Unavailable, known.Kind)
	require.Positive(t, known.RetryAfter)
}

func TestClassify(t *testing.T) {
	unavailable := []error{
		context.DeadlineExceeded, driver.ErrBadConn, fmt.Errorf("reading: %w", context.DeadlineExceeded),
		&pgconn.PgError{Code: "53300"}, &pgconn.PgError{Code: "57P01"}, &pgconn.PgError{Code: "08006"},
		&pgconn.PgError{Code: "55P03"}, &pgconn.PgError{Code: "25006"}, &pgconn.PgError{Code: "40P01"},
	}
	for _, err := range unavailable {
		requireUnavailable(t, database.Classify(err))
		require.ErrorIs(t, database.Classify(err), err, "the cause stays for the log")
	}
	for _, err := range []error{
		nil, context.Canceled, gorm.ErrRecordNotFound, gorm.ErrDuplicatedKey, errors.New("a bug"), errs.New(errs.NotFound, ""),
		&pgconn.PgError{Code: "42601"}, &pgconn.PgError{Code: "22021"}, errs.Wrap(errs.BadGateway, "", context.DeadlineExceeded),
	} {
		require.Equal(t, err, database.Classify(err))
	}
}

func TestSlowStatementIsCut(t *testing.T) {
	endless := map[string]string{
		"sqlite":   "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) UPDATE things SET count = (SELECT max(i) FROM n)",
		"postgres": "SELECT pg_sleep(600)",
	}
	tables.Each(t, func(t *testing.T, d testkit.Database) {
		db := d.Open(t)
		require.NoError(t, db.Create(&thing{ID: "1", Name: "one"}).Error)
		short := database.Patience(t.Context(), 50*time.Millisecond)
		requireUnavailable(t, db.WithContext(short).Exec(endless[d.Name]).Error)

		leaving, leave := context.WithCancel(t.Context())
		time.AfterFunc(50*time.Millisecond, leave)
		err := db.WithContext(leaving).Exec(endless[d.Name]).Error
		require.ErrorIs(t, err, context.Canceled)
		require.Equal(t, errs.Internal, errs.KindOf(err), "the caller has left, the database is well")

		var row thing
		require.NoError(t, db.First(&row).Error)
		require.Zero(t, row.Count)
	})
}

func TestBusyPoolIsUnavailable(t *testing.T) {
	tables.Each(t, func(t *testing.T, d testkit.Database) {
		db := d.Open(t)
		pool, err := db.DB()
		require.NoError(t, err)
		pool.SetMaxOpenConns(1)
		held := db.Begin()
		require.NoError(t, held.Error)
		short := database.Patience(t.Context(), 50*time.Millisecond)
		requireUnavailable(t, db.WithContext(short).First(&thing{}).Error)
		require.NoError(t, held.Rollback().Error)
		require.ErrorIs(t, db.First(&thing{}).Error, gorm.ErrRecordNotFound)
	})
}

func TestAnotherProcessHoldsTheFile(t *testing.T) {
	d := tables.SQLite(t)
	db, other := d.Open(t), d.Open(t)
	pool, err := db.DB()
	require.NoError(t, err)
	pool.SetMaxOpenConns(1)
	require.NoError(t, db.Exec("PRAGMA busy_timeout = 20").Error)
	held := other.Begin()
	require.NoError(t, held.Error)

	requireUnavailable(t, db.Create(&thing{ID: "1", Name: "one"}).Error)
	requireUnavailable(t, database.Write(t.Context(), db, func(*gorm.DB) error { return nil }))
	require.ErrorIs(t, db.First(&thing{}).Error, gorm.ErrRecordNotFound, "a writer hinders no reader")
	require.NoError(t, held.Rollback().Error)
	require.NoError(t, db.Create(&thing{ID: "1", Name: "one"}).Error)
}

func TestFullDiskLosesNothing(t *testing.T) {
	db := tables.SQLite(t).Open(t)
	pool, err := db.DB()
	require.NoError(t, err)
	pool.SetMaxOpenConns(1)
	require.NoError(t, db.Create(&thing{ID: "1", Name: "one"}).Error)
	require.NoError(t, db.Exec("PRAGMA max_page_count = 10").Error)
	requireUnavailable(t, database.Write(t.Context(), db, func(tx *gorm.DB) error {
		return tx.Exec("CREATE TABLE big AS SELECT randomblob(100000) AS content").Error
	}))
	require.NoError(t, db.First(&thing{}, "id = ?", "1").Error)
	require.NoError(t, database.Write(t.Context(), db, func(tx *gorm.DB) error {
		return tx.Model(&thing{ID: "1"}).Update("count", 1).Error
	}))
}

// SQLite would go on with the file that was there, and what it is given would be lost.
func TestMovedFileTakesNothing(t *testing.T) {
	d := tables.SQLite(t)
	db := d.Open(t)
	path := strings.TrimPrefix(d.URL, "sqlite:")
	require.NoError(t, db.Create(&thing{ID: "1", Name: "one"}).Error)
	write := func() error {
		return database.Write(t.Context(), db, func(tx *gorm.DB) error { return tx.Create(&thing{ID: "2", Name: "two"}).Error })
	}
	refuses := func() {
		requireUnavailable(t, write())
		requireUnavailable(t, db.Create(&thing{ID: "2", Name: "two"}).Error)
		requireUnavailable(t, db.First(&thing{}).Error)
	}
	require.NoError(t, os.Rename(path, path+".aside"))
	refuses()
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	refuses()
	require.NoError(t, os.Rename(path+".aside", path))
	require.NoError(t, db.First(&thing{}).Error)

	require.ErrorContains(t, database.Write(t.Context(), db, func(tx *gorm.DB) error {
		require.NoError(t, tx.Create(&thing{ID: "2", Name: "two"}).Error)
		return os.Rename(path, path+".aside")
	}), "removed or replaced", "the last moment counts")
	require.NoError(t, os.Rename(path+".aside", path))
	require.ErrorIs(t, db.First(&thing{}, "id = ?", "2").Error, gorm.ErrRecordNotFound)
	require.NoError(t, write())
}

func TestServerThatHangsOrGoesIsUnavailableAndComesBack(t *testing.T) {
	server := tables.Postgres(t)
	relay := testkit.NewRelay(t, server.URL)
	db := testkit.Database{Name: "postgres", URL: relay.URL}.Open(t)
	require.NoError(t, db.Create(&thing{ID: "1", Name: "one"}).Error)

	release := relay.Stall()
	short := database.Patience(t.Context(), 100*time.Millisecond)
	var all sync.WaitGroup
	hung := make([]error, 30) // more than the pool has connections
	for i := range hung {
		all.Go(func() { hung[i] = db.WithContext(short).First(&thing{}).Error })
	}
	all.Wait()
	requireUnavailable(t, database.Write(short, db, func(*gorm.DB) error { return nil }))
	release()
	for _, err := range hung {
		requireUnavailable(t, err)
	}
	require.NoError(t, db.First(&thing{}).Error)

	beside := server.Open(t)
	relay.Refuse(1000)
	var gone error
	require.Eventually(t, func() bool { // they end, and those that were just connecting appear, in their own time
		const end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'client backend' AND datname = current_database() AND pid <> pg_backend_pid()"
		require.NoError(t, beside.Exec(end).Error)
		gone = db.First(&thing{}).Error
		return gone != nil
	}, 10*time.Second, time.Millisecond)
	requireUnavailable(t, gone)
	requireUnavailable(t, db.Raw("SELECT 1").Scan(new(int)).Error)
	relay.Refuse(0)
	require.Eventually(t, func() bool { return db.First(&thing{}).Error == nil }, 2*time.Second, 10*time.Millisecond)
}

// A process that is cut off in the middle of a transaction does not hold what it has locked for ever.
func TestAbandonedTransactionLetsGo(t *testing.T) {
	server := tables.Postgres(t)
	relay := testkit.NewRelay(t, server.URL)
	lost, beside := testkit.Database{Name: "postgres", URL: relay.URL}.Open(t), server.Open(t)
	require.NoError(t, beside.Create(&thing{ID: "1", Name: "one"}).Error)
	held := lost.Begin()
	require.NoError(t, held.Model(&thing{ID: "1"}).Update("count", 1).Error)
	release := relay.Stall()

	change := func(tx *gorm.DB) error { return tx.Model(&thing{ID: "1"}).Update("count", 2).Error }
	require.NoError(t, database.Write(database.Patience(t.Context(), time.Minute), beside, change))
	release()
	requireUnavailable(t, database.Classify(held.Commit().Error))
	var row thing
	require.NoError(t, lost.First(&row).Error)
	require.Equal(t, 2, row.Count)
}

func TestLogHoldsNoBindValue(t *testing.T) {
	tables.Each(t, func(t *testing.T, d testkit.Database) {
		var log bytes.Buffer
		db, err := database.Open(t.Context(), database.Config{
			URL:    d.URL,
			Logger: slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, database.Close(db)) })

		require.NoError(t, db.Create(&thing{ID: "1", Name: "hunter2"}).Error)
		require.Error(t, db.Create(&thing{ID: "2", Name: "hunter2"}).Error)
		require.Error(t, db.First(&thing{}, "name = ?", "none").Error)
		require.Empty(t, log.String(), "the everyday is not news")

		require.Error(t, db.Exec("UPDATE nowhere SET name = ?", "hunter2").Error)
		require.Contains(t, log.String(), `"level":"ERROR"`)
		require.Contains(t, log.String(), "UPDATE nowhere")
		if d.Name == "postgres" {
			require.NoError(t, db.Exec("SELECT pg_sleep(0.6), CAST(? AS TEXT)", "hunter2").Error)
			require.Contains(t, log.String(), `"level":"WARN"`, "slow")
		}
		require.NotContains(t, log.String(), "hunter2")
	})
}
