package database_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"portico.internal/platform/database"
	"portico.internal/platform/testkit"
)

const soon = 10 * time.Second // bounds waits that a healthy run ends in milliseconds

// listener is one call of Listen.
type listener struct {
	heard chan string // "(ready)", then payloads
	ended chan error
	leave context.CancelFunc
}

func listen(t *testing.T, ctx context.Context, db *gorm.DB, channel string) *listener {
	t.Helper()
	ctx, leave := context.WithCancel(ctx)
	l := &listener{make(chan string, 1000), make(chan error, 1), leave}
	var running sync.WaitGroup
	running.Go(func() {
		l.ended <- database.Listen(ctx, db, channel, func() { l.heard <- "(ready)" }, func(payload string) { l.heard <- payload })
	})
	t.Cleanup(func() { leave(); running.Wait() })
	return l
}

func (l *listener) next(t *testing.T) string {
	t.Helper()
	return receive(t, l.heard)
}

// end returns what Listen returned.
func (l *listener) end(t *testing.T) error {
	t.Helper()
	return receive(t, l.ended)
}

func receive[T any](t *testing.T, from <-chan T) T {
	t.Helper()
	select {
	case got := <-from:
		return got
	case <-time.After(soon):
		require.FailNow(t, "nothing came")
		panic("unreachable")
	}
}

func notify(t *testing.T, db *gorm.DB, channel, payload string) {
	t.Helper()
	require.NoError(t, db.Exec("SELECT pg_notify(?, ?)", channel, payload).Error)
}

// backends counts the connections to the database whose last statement is like the pattern.
func backends(t *testing.T, db *gorm.DB, pattern string) (n int) {
	t.Helper()
	require.NoError(t, db.Raw("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND query LIKE ?", pattern).Scan(&n).Error)
	return n
}

func TestListenHearsTheChannelInOrder(t *testing.T) {
	d := tables.Postgres(t)
	db, other := d.Open(t), d.Open(t)
	const channel = `odd "Channel"` // a name, whatever is in it
	l := listen(t, t.Context(), db, channel)
	require.Equal(t, "(ready)", l.next(t))
	notify(t, other, "another", "not for us")
	for i := range 100 {
		notify(t, other, channel, fmt.Sprint(i))
	}
	notify(t, db, channel, "")
	notify(t, db, channel, "ü ' \" \n")
	for i := range 100 {
		require.Equal(t, fmt.Sprint(i), l.next(t))
	}
	require.Empty(t, l.next(t))
	require.Equal(t, "ü ' \" \n", l.next(t))
}

func TestListenEndsWithItsContextAndLeavesNoConnectionListening(t *testing.T) {
	d := tables.Postgres(t)
	db, other := d.Open(t), d.Open(t)
	pool, err := db.DB()
	require.NoError(t, err)
	pool.SetMaxOpenConns(2)
	l := listen(t, t.Context(), db, "things")
	require.Equal(t, "(ready)", l.next(t))
	for range 3 {
		require.NoError(t, db.Create(&thing{ID: "1", Name: "one"}).Error, "the other connection works")
		require.NoError(t, db.Delete(&thing{ID: "1"}).Error)
	}
	require.Equal(t, 1, backends(t, other, "LISTEN%"))

	l.leave()
	require.ErrorIs(t, l.end(t), context.Canceled)
	require.Zero(t, pool.Stats().InUse)
	require.Equal(t, 1, pool.Stats().OpenConnections, "it is not back in the pool")
	require.Eventually(t, func() bool { return backends(t, other, "LISTEN%") == 0 }, soon, time.Millisecond)

	again := listen(t, t.Context(), db, "things")
	require.Equal(t, "(ready)", again.next(t))
	closed := make(chan error, 1)
	go func() { closed <- database.Close(db) }()
	require.NoError(t, receive(t, closed), "Close does not wait for the listener")
	again.leave()
	require.ErrorIs(t, again.end(t), context.Canceled)
	require.Eventually(t, func() bool { return backends(t, other, "LISTEN%") == 0 }, soon, time.Millisecond)
}

func TestListenReportsAConnectionThatBreaks(t *testing.T) {
	d := tables.Postgres(t)
	db, other := d.Open(t), d.Open(t)
	l := listen(t, t.Context(), db, "things")
	require.Equal(t, "(ready)", l.next(t))
	require.NoError(t, other.Exec("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'").Error)
	requireUnavailable(t, l.end(t))
	require.NoError(t, db.Exec("SELECT 1").Error)
}

func TestListenNoticesThatThePeerIsGone(t *testing.T) {
	server := tables.Postgres(t)
	relay := testkit.NewRelay(t, server.URL)
	db := testkit.Database{Name: "postgres", URL: relay.URL}.Open(t)
	short := database.Patience(t.Context(), 500*time.Millisecond)
	l := listen(t, short, db, "things")
	require.Equal(t, "(ready)", l.next(t))
	release := relay.Stall()
	defer release()
	requireUnavailable(t, l.end(t))
}

func TestListenOutlivesSilence(t *testing.T) {
	d := tables.Postgres(t)
	db, other := d.Open(t), d.Open(t)
	l := listen(t, database.Patience(t.Context(), 500*time.Millisecond), db, "things")
	require.Equal(t, "(ready)", l.next(t))
	asked := map[time.Time]bool{}
	require.Eventually(t, func() bool {
		var when []time.Time
		require.NoError(t, other.Raw("SELECT query_start FROM pg_stat_activity WHERE datname = current_database() AND query LIKE '%ping%' AND pid <> pg_backend_pid()").Scan(&when).Error)
		for _, w := range when {
			asked[w] = true
		}
		return len(asked) == 2
	}, soon, 5*time.Millisecond)
	notify(t, other, "things", "still here")
	require.Equal(t, "still here", l.next(t))
}

func TestListenDoesNotWaitForeverForAConnection(t *testing.T) {
	db := tables.Postgres(t).Open(t)
	pool, err := db.DB()
	require.NoError(t, err)
	pool.SetMaxOpenConns(2)
	one, other := db.Begin(), db.Begin()
	require.NoError(t, one.Error)
	require.NoError(t, other.Error)
	l := listen(t, database.Patience(t.Context(), 20*time.Millisecond), db, "things")
	requireUnavailable(t, l.end(t))
	require.NoError(t, one.Rollback().Error)
	require.NoError(t, other.Rollback().Error)
}

func TestListenRefusesWhereItCannotWork(t *testing.T) {
	require.ErrorContains(t, listen(t, t.Context(), tables.SQLite(t).Open(t), "things").end(t), "only PostgreSQL")

	db := tables.Postgres(t).Open(t)
	pool, err := db.DB()
	require.NoError(t, err)
	pool.SetMaxOpenConns(1)
	require.ErrorContains(t, listen(t, t.Context(), db, "things").end(t), "the only connection")
	require.NoError(t, db.Exec("SELECT 1").Error)
}
