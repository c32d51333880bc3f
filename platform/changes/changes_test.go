package changes_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"portico.internal/platform/changes"
	"portico.internal/platform/testkit"
)

var tables = testkit.Prepared(func(ctx context.Context, db *gorm.DB) error {
	return errors.Join(
		db.WithContext(ctx).Exec("CREATE TABLE things (id VARCHAR(200) PRIMARY KEY)").Error,
		db.WithContext(ctx).Exec("CREATE TABLE parts (thing VARCHAR(200) REFERENCES things (id) DEFERRABLE INITIALLY DEFERRED)").Error,
	)
})

func insert(id string) func(*gorm.DB) error {
	return func(tx *gorm.DB) error { return tx.Exec("INSERT INTO things VALUES (?)", id).Error }
}

func things(t *testing.T, db *gorm.DB) (n int) {
	t.Helper()
	require.NoError(t, db.Table("things").Select("count(*)").Scan(&n).Error)
	return n
}

func TestWriteTellsThisProcessAfterTheCommit(t *testing.T) {
	tables.Each(t, func(t *testing.T, d testkit.Database) {
		db, beside := d.Open(t), d.Open(t)
		feed := changes.NewFeed(db, slog.New(slog.DiscardHandler))
		var told []string
		for _, who := range []string{"first", "second"} {
			feed.Subscribe("things", func(key string) { told = append(told, fmt.Sprint(who, " ", key, " ", things(t, beside))) })
		}
		feed.Subscribe("others", func(key string) { told = append(told, "others "+key) })

		require.NoError(t, feed.Write(t.Context(), "things", "a", insert("a")))
		require.Equal(t, []string{"first a 1", "second a 1"}, told, "before Write returns, and seen by all")
		told = nil
		require.NoError(t, feed.Write(t.Context(), "others", "", insert("b")))
		require.NoError(t, feed.Write(t.Context(), "nobody's", "c", insert("c")))
		require.Equal(t, []string{"others "}, told)
	})
}

func TestWhatFailsIsNotAnnounced(t *testing.T) {
	tables.Each(t, func(t *testing.T, d testkit.Database) {
		replicas := joinAll(t, d)
		a := replicas[0]
		mine := errors.New("changed my mind")
		require.ErrorIs(t, a.feed.Write(t.Context(), "things", "failed", func(tx *gorm.DB) error {
			require.NoError(t, insert("failed")(tx))
			return mine
		}), mine)
		require.NoError(t, a.feed.Write(t.Context(), "things", "a", insert("a")))
		require.ErrorIs(t, a.feed.Write(t.Context(), "things", "twice", insert("a")), gorm.ErrDuplicatedKey)
		require.Panics(t, func() {
			_ = a.feed.Write(t.Context(), "things", "panicked", func(*gorm.DB) error { panic("bug") })
		})
		if d.Name == "postgres" { // elsewhere nothing is announced before the commit
			require.ErrorIs(t, a.feed.Write(t.Context(), "things", "refused at the commit", func(tx *gorm.DB) error {
				require.NoError(t, tx.Exec("INSERT INTO parts VALUES ('none')").Error)
				return nil
			}), gorm.ErrForeignKeyViolated)
		}
		gone, leave := context.WithCancel(t.Context())
		require.ErrorIs(t, a.feed.Write(gone, "things", "left", func(tx *gorm.DB) error { leave(); return insert("left")(tx) }), context.Canceled)
		require.NoError(t, a.feed.Write(t.Context(), "things", "b", insert("b")))

		for _, r := range replicas {
			require.Equal(t, []string{"a", "b"}, r.until(t, "b"))
		}
		require.Equal(t, 2, things(t, a.db))
	})
}

func TestNamesAreShortText(t *testing.T) {
	tables.Each(t, func(t *testing.T, d testkit.Database) {
		a := join(t, d.URL)
		long := strings.Repeat("x", 201)
		for _, name := range [][2]string{
			{"", "key"}, {"two words", "key"}, {long, "key"}, {"things", long}, {"things", "a\x00b"}, {"things", "\xff"}, {"th\x00ings", "key"},
		} {
			require.ErrorContains(t, a.feed.Write(t.Context(), name[0], name[1], insert("a")), "of a change must be", "%q", name)
		}
		require.Zero(t, things(t, a.db))
		keys := []string{strings.Repeat("\u00fc", 100), strings.Repeat(`"`, 200), " a  b ", "\n", `'\`}
		for _, key := range keys {
			require.NoError(t, a.feed.Write(t.Context(), "things", key, insert(key)))
		}
		require.Equal(t, keys, a.until(t, `'\`))
	})
}

func TestPanicOfASubscriberHarmsNobodyElse(t *testing.T) {
	tables.Each(t, func(t *testing.T, d testkit.Database) {
		a := join(t, d.URL, func(f *changes.Feed) {
			f.Subscribe("things", func(string) { panic("subscriber's bug") })
		})
		require.NoError(t, a.feed.Write(t.Context(), "things", "here", insert("here")))
		require.Equal(t, []string{"here"}, a.until(t, "here"))
		require.Contains(t, a.log.String(), "subscriber's bug")
		require.Contains(t, a.log.String(), `"stack":`)
		if d.Name == "postgres" {
			b := join(t, d.URL)
			for _, key := range []string{"there", "there again"} {
				require.NoError(t, b.feed.Write(t.Context(), "things", key, insert(key)))
				require.Contains(t, a.until(t, key), key)
			}
			require.NotContains(t, a.log.String(), "noticed late", "the connection is the first one")
		}
	})
}

func TestConcurrentWritesLoseNoAnnouncement(t *testing.T) {
	tables.Each(t, func(t *testing.T, d testkit.Database) {
		replicas := joinAll(t, d)
		const each = 50
		var all sync.WaitGroup
		failures := make([]error, each*len(replicas))
		for i := range failures {
			key := fmt.Sprint(i)
			all.Go(func() { failures[i] = replicas[i%len(replicas)].feed.Write(t.Context(), "things", key, insert(key)) })
		}
		all.Wait()
		require.NoError(t, errors.Join(failures...))
		for _, r := range replicas {
			missing := map[string]bool{}
			for i := range failures {
				missing[fmt.Sprint(i)] = true
			}
			for len(missing) > 0 {
				delete(missing, r.next(t))
			}
			require.NotContains(t, r.log.String(), late)
		}
		require.Equal(t, len(failures), things(t, replicas[0].db))
	})
}
