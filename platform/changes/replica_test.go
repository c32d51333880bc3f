package changes_test

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"portico.internal/platform/changes"
	"portico.internal/platform/database"
	"portico.internal/platform/testkit"
)

const (
	soon = 20 * time.Second // bounds waits that a healthy run ends in milliseconds

	late   = "noticed late"
	atOnce = "noticed at once"
)

// replica is a gateway as far as its feed goes.
type replica struct {
	db    *gorm.DB
	feed  *changes.Feed
	log   *testkit.Output
	heard chan string // keys of the topic "things"
	stop  func()
	ended chan struct{}
}

// join starts a replica and waits until it listens.
func join(t *testing.T, url string, prepare ...func(*changes.Feed)) *replica {
	t.Helper()
	r := start(t, testkit.Database{URL: url}.Open(t), prepare...)
	if database.IsPostgres(r.db) {
		require.Empty(t, r.next(t), "listening has begun")
	}
	return r
}

// joinAll starts as many replicas as the database can have.
func joinAll(t *testing.T, d testkit.Database) []*replica {
	t.Helper()
	if d.Name == "postgres" {
		return []*replica{join(t, d.URL), join(t, d.URL)}
	}
	return []*replica{join(t, d.URL)}
}

func start(t *testing.T, db *gorm.DB, prepare ...func(*changes.Feed)) *replica {
	t.Helper()
	r := &replica{db: db, log: &testkit.Output{}, heard: make(chan string, 1000), ended: make(chan struct{})}
	r.feed = changes.NewFeed(r.db, slog.New(slog.NewJSONHandler(r.log, nil)))
	for _, p := range prepare {
		p(r.feed)
	}
	r.feed.Subscribe("things", func(key string) { r.heard <- key })
	ctx, cancel := context.WithCancel(context.Background())
	r.stop = cancel
	go func() { defer close(r.ended); r.feed.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-r.ended })
	return r
}

func (r *replica) next(t *testing.T) string {
	t.Helper()
	select {
	case key := <-r.heard:
		return key
	case <-time.After(soon):
		require.FailNow(t, "nothing was heard", r.log.String())
		panic("unreachable")
	}
}

// until returns what is heard up to the key. What this replica wrote itself it hears twice, here once.
func (r *replica) until(t *testing.T, last string) (keys []string) {
	t.Helper()
	for !slices.Contains(keys, last) {
		if key := r.next(t); !slices.Contains(keys, key) {
			keys = append(keys, key)
		}
	}
	return keys
}

func (r *replica) end(t *testing.T) {
	t.Helper()
	r.stop()
	eventually(t, "Run ends", func() bool {
		select {
		case <-r.ended:
			return true
		default:
			return false
		}
	})
}

func (r *replica) logs(t *testing.T, text string, times int) {
	t.Helper()
	eventually(t, text, func() bool { return strings.Count(r.log.String(), text) == times })
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	require.Eventually(t, holds, soon, time.Millisecond, what)
}

// listening counts the connections that wait for announcements, and ends them when told to.
func listening(t *testing.T, db *gorm.DB, end bool) (n int) {
	t.Helper()
	count := "count(*)"
	if end {
		count = "count(pg_terminate_backend(pid))"
	}
	require.NoError(t, db.Raw("SELECT "+count+" FROM pg_stat_activity WHERE datname = current_database() AND query ~ '^(LISTEN|-- ping)'").Scan(&n).Error)
	return n
}
