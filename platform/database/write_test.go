package database_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"portico.internal/platform/database"
	"portico.internal/platform/errs"
	"portico.internal/platform/testkit"
)

func TestWriteCommitsOrLeavesNothing(t *testing.T) {
	tables.Each(t, func(t *testing.T, d testkit.Database) {
		db := d.Open(t)
		count := func() (n int64) {
			require.NoError(t, db.Model(&thing{}).Count(&n).Error)
			return n
		}
		require.NoError(t, database.Write(t.Context(), db, func(tx *gorm.DB) error {
			return tx.Create(&thing{ID: "1", Name: "one"}).Error
		}))
		require.EqualValues(t, 1, count())

		mine := errors.New("changed my mind")
		require.ErrorIs(t, database.Write(t.Context(), db, func(tx *gorm.DB) error {
			require.NoError(t, tx.Create(&thing{ID: "2", Name: "two"}).Error)
			return mine
		}), mine)
		require.Panics(t, func() {
			_ = database.Write(t.Context(), db, func(tx *gorm.DB) error {
				require.NoError(t, tx.Create(&thing{ID: "3", Name: "three"}).Error)
				panic("bug")
			})
		})
		require.EqualValues(t, 1, count())

		require.ErrorIs(t, database.Write(t.Context(), db, func(tx *gorm.DB) error {
			require.NoError(t, database.Write(t.Context(), tx, func(inner *gorm.DB) error {
				return inner.Create(&thing{ID: "4", Name: "four"}).Error
			}))
			return mine
		}), mine)
		require.EqualValues(t, 1, count(), "a Write inside another one is part of it")
	})
}

func TestWritersOfOneProcessQueue(t *testing.T) {
	db := tables.SQLite(t).Open(t)
	require.NoError(t, db.Create(&thing{ID: "1", Name: "one"}).Error)
	impatient(t, db)
	var all sync.WaitGroup
	failures := make([]error, 100)
	for i := range failures {
		all.Go(func() {
			failures[i] = database.Write(t.Context(), db, func(tx *gorm.DB) error {
				var row thing
				if err := tx.First(&row, "id = ?", "1").Error; err != nil {
					return err
				}
				return tx.Model(&thing{ID: "1"}).Update("count", row.Count+1).Error
			})
		})
	}
	all.Wait()
	require.NoError(t, errors.Join(failures...))
	var row thing
	require.NoError(t, db.First(&row).Error)
	require.Equal(t, 100, row.Count, "each writer read what the one before it wrote")
}

// impatient makes every connection of the pool fail at once where it would wait for another writer.
func impatient(t *testing.T, db *gorm.DB) {
	t.Helper()
	pool, err := db.DB()
	require.NoError(t, err)
	for range pool.Stats().MaxOpenConnections {
		conn, err := pool.Conn(t.Context())
		require.NoError(t, err)
		defer conn.Close()
		_, err = conn.ExecContext(t.Context(), "PRAGMA busy_timeout = 0")
		require.NoError(t, err)
	}
}

func TestWriterLeavesTheQueueWithItsContext(t *testing.T) {
	db := tables.SQLite(t).Open(t)
	started, finish := make(chan struct{}), make(chan struct{})
	var all sync.WaitGroup
	all.Go(func() {
		_ = database.Write(t.Context(), db, func(*gorm.DB) error { close(started); <-finish; return nil })
	})
	<-started
	never := func(*gorm.DB) error { return errors.New("it was not our turn") }

	gone, leave := context.WithCancel(t.Context())
	leave()
	require.ErrorIs(t, database.Write(gone, db, never), context.Canceled)
	err := database.Write(database.Patience(t.Context(), 20*time.Millisecond), db, never)
	require.Equal(t, errs.Unavailable, errs.KindOf(err))
	require.ErrorIs(t, err, context.DeadlineExceeded)

	close(finish)
	all.Wait()
	require.NoError(t, database.Write(t.Context(), db, func(*gorm.DB) error { return nil }), "the queue goes on")
}

func TestDeadlockIsRunAgain(t *testing.T) {
	db := tables.Postgres(t).Open(t)
	require.NoError(t, db.Create([]thing{{ID: "1", Name: "one"}, {ID: "2", Name: "two"}}).Error)
	var runs atomic.Int32
	var met sync.WaitGroup // both hold their first row before either asks for its second, on the first run
	met.Add(2)
	cross := func(first, second string) error {
		once := sync.OnceFunc(func() { met.Done(); met.Wait() })
		return database.Write(t.Context(), db, func(tx *gorm.DB) error {
			runs.Add(1)
			add := gorm.Expr("count + 1")
			if err := tx.Model(&thing{ID: first}).Update("count", add).Error; err != nil {
				return err
			}
			once()
			return tx.Model(&thing{ID: second}).Update("count", add).Error
		})
	}
	var all sync.WaitGroup
	var one, other error
	all.Go(func() { one = cross("1", "2") })
	all.Go(func() { other = cross("2", "1") })
	all.Wait()
	require.NoError(t, one)
	require.NoError(t, other)
	require.EqualValues(t, 3, runs.Load())
	var sum int
	require.NoError(t, db.Model(&thing{}).Select("sum(count)").Scan(&sum).Error)
	require.Equal(t, 4, sum)
}

func TestStatementsShareAChainAndRowsOutliveTheirCall(t *testing.T) {
	tables.Each(t, func(t *testing.T, d testkit.Database) {
		db := d.Open(t)
		require.NoError(t, db.Create([]thing{{ID: "1", Name: "one"}, {ID: "2", Name: "two"}}).Error)

		page := db.Model(&thing{}).Where("count = ?", 0)
		var total int64
		var found []thing
		require.NoError(t, page.Count(&total).Error)
		require.NoError(t, page.Find(&found).Error, "the deadline of the first statement is not that of the second")
		require.Len(t, found, 2)

		rows, err := db.Raw("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) SELECT i FROM n").Rows()
		require.NoError(t, err)
		defer rows.Close()
		n := 0
		for rows.Next() {
			n++
		}
		require.NoError(t, rows.Err())
		require.Equal(t, 20000, n)
	})
}
