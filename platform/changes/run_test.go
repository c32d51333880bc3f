package changes_test

import (
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"portico.internal/platform/changes"
	"portico.internal/platform/database"
	"portico.internal/platform/testkit"
)

func TestOtherReplicasHearWhatIsCommitted(t *testing.T) {
	d := tables.Postgres(t)
	a := join(t, d.URL)
	seen := make(chan int, 100)
	reader := d.Open(t)
	b := join(t, d.URL, func(f *changes.Feed) {
		f.Subscribe("things", func(string) { seen <- things(t, reader) })
		f.Subscribe("others", func(string) { panic("told of another topic") })
	})
	require.Zero(t, <-seen)
	for i, key := range []string{"a", "b", "", "d"} {
		require.NoError(t, a.feed.Write(t.Context(), "things", key, insert(key)))
		require.Equal(t, key, b.next(t))
		require.Equal(t, i+1, <-seen, "whoever is told can read it")
	}
	require.NoError(t, a.db.Exec("NOTIFY portico, 'things'").Error)
	require.Empty(t, b.next(t), "told by hand")
	require.NoError(t, a.db.Exec("NOTIFY portico, 'things by hand'").Error)
	require.Equal(t, "by hand", b.next(t))
	require.Equal(t, 1, strings.Count(b.log.String(), `"topic":"others"`), "at the beginning all topics are told, later only the one that changed")
}

func TestRunSurvivesTheEndOfItsConnection(t *testing.T) {
	d := tables.Postgres(t)
	a, b := start(t, d.Open(t)), join(t, d.URL)
	a.end(t) // it only writes
	for i, key := range []string{"first", "second", "third"} {
		require.NoError(t, a.feed.Write(t.Context(), "things", key, insert(key)))
		require.Equal(t, key, b.next(t))
		require.Equal(t, 1, listening(t, a.db, true))
		require.Empty(t, b.next(t), "what was announced meanwhile may have been missed")
		b.logs(t, late, i+1)
		b.logs(t, atOnce, i+1)
	}
}

func TestRunWaitsForAServerThatIsGone(t *testing.T) {
	d := tables.Postgres(t)
	relay := testkit.NewRelay(t, d.URL)
	a, b := join(t, d.URL), join(t, relay.URL)
	for i, key := range []string{"a", "b"} {
		refused := relay.Refused()
		relay.Down()
		eventually(t, "several attempts", func() bool { return relay.Refused() >= refused+4 })
		require.NoError(t, a.feed.Write(t.Context(), "things", "missed "+key, insert("missed "+key)))
		b.logs(t, late, i+1)
		relay.Up()
		require.Empty(t, b.next(t), "the first it hears is that it may have missed something")
		b.logs(t, atOnce, i+1)
		require.NoError(t, a.feed.Write(t.Context(), "things", key, insert(key)))
		require.Equal(t, key, b.next(t))
		require.Equal(t, i+1, strings.Count(b.log.String(), late), "one line for one loss")
	}
	relay.Down()
	b.logs(t, late, 3)
	b.end(t) // while it waits for the server
	require.NoError(t, database.Close(b.db))
}

func TestPoolerThatPassesNoNotificationsBreaksNothing(t *testing.T) {
	d := tables.Postgres(t)
	relay := testkit.NewRelay(t, d.URL)
	relay.Deafen(true)
	a, b := join(t, d.URL), join(t, relay.URL)
	b.logs(t, late, 1)
	require.Contains(t, b.log.String(), "session mode")
	require.NoError(t, b.feed.Write(t.Context(), "things", "b", insert("b")))
	require.Equal(t, "b", b.next(t), "its own changes it knows")
	require.Contains(t, a.until(t, "b"), "b", "and it announces them")

	relay.Cut()
	require.Empty(t, b.next(t))
	require.NoError(t, b.feed.Write(t.Context(), "things", "c", insert("c")))
	require.Equal(t, "c", b.next(t))
	require.Equal(t, 1, strings.Count(b.log.String(), late))
	require.NotContains(t, b.log.String(), atOnce)

	relay.Deafen(false)
	require.NoError(t, a.feed.Write(t.Context(), "things", "d", insert("d")))
	require.Contains(t, b.until(t, "d"), "d")
	b.logs(t, atOnce, 1)
}

func TestRunEndsAndLeavesNothingBehind(t *testing.T) {
	tables.Each(t, func(t *testing.T, d testkit.Database) {
		watch := d.Open(t)
		require.NoError(t, watch.Exec("SELECT 1").Error)
		before := runtime.NumGoroutine()
		const rounds = 5 // each of which would leave one
		for range rounds {
			db, err := database.Open(t.Context(), database.Config{URL: d.URL})
			require.NoError(t, err)
			r := start(t, db)
			if d.Name == "postgres" {
				require.Empty(t, r.next(t))
				require.Equal(t, 1, listening(t, watch, false))
			}
			require.NoError(t, r.feed.Write(t.Context(), "things", "a", func(*gorm.DB) error { return nil }))
			require.Equal(t, "a", r.next(t))
			r.end(t)
			require.NoError(t, database.Close(db))
			require.NotContains(t, r.log.String(), late, "an end is no loss")
			if d.Name == "postgres" {
				eventually(t, "its connection is gone", func() bool { return listening(t, watch, false) == 0 })
			}
		}
		eventually(t, "its goroutines are gone", func() bool { return runtime.NumGoroutine() < before+rounds })
	})
}

func TestSmallPools(t *testing.T) {
	d := tables.Postgres(t)
	for size, hears := range map[int]bool{1: false, 2: true} {
		db, err := database.Open(t.Context(), database.Config{URL: d.URL, MaxConnections: size})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, database.Close(db)) })
		r := start(t, db)
		if hears {
			require.Empty(t, r.next(t))
		} else {
			r.logs(t, late, 1)
		}
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() {
				err := r.feed.Write(t.Context(), "things", "a", func(tx *gorm.DB) error { return tx.Exec("SELECT 1").Error })
				if err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		require.Equal(t, []string{"a"}, r.until(t, "a"))
		r.end(t)
	}
}
