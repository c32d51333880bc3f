package auth

import (
	"context"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"portico.internal/platform/errs"
	"portico.internal/platform/testkit"
)

var (
	home   = netip.MustParseAddr("192.0.2.1")
	abroad = netip.MustParseAddr("198.51.100.7")
)

// counting are databases with the table of failures alone.
var counting = testkit.Prepared(func(ctx context.Context, db *gorm.DB) error { return migrations[0].Up(db.WithContext(ctx)) })

// counter is a throttle whose time can pass.
type counter struct {
	*testing.T
	*throttle
}

func newCounter(t *testing.T, failures int, d testkit.Database) counter {
	t.Helper()
	return counter{t, newThrottle(failures, []byte("of all replicas"), d.Open(t))}
}

// unrecorded is a failure of which nothing else is kept.
func unrecorded(*gorm.DB) error { return nil }

// try makes one attempt that ends at once, and returns the error that refused it.
func (c counter) try(account string, from netip.Addr, failed bool) error {
	c.Helper()
	a, err := c.begin(c.Context(), account, from)
	if err != nil {
		return err
	}
	defer a.leave(nil)
	if failed {
		return a.fail(c.Context(), unrecorded)
	}
	return a.allowed(c.db.WithContext(c.Context()))
}

// pass lets so much time go by, which is more than a test takes.
func (c counter) pass(d time.Duration) {
	c.Helper()
	require.NoError(c, c.db.Exec("UPDATE login_failures SET failed_at = failed_at - ?", d.Microseconds()).Error)
}

func (c counter) rows() (n int) {
	c.Helper()
	require.NoError(c, c.db.Raw("SELECT count(*) FROM login_failures").Scan(&n).Error)
	return n
}

func (c counter) now() (now int64) {
	c.Helper()
	require.NoError(c, c.db.Raw("SELECT ?", databaseTime(c.db)).Scan(&now).Error)
	return now
}

func requireThrottled(t testing.TB, err error) time.Duration {
	t.Helper()
	var e *errs.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, errs.TooManyRequests, e.Kind)
	require.Positive(t, e.RetryAfter)
	require.LessOrEqual(t, e.RetryAfter, time.Minute)
	return e.RetryAfter
}

func TestThrottleByAccountAndAddress(t *testing.T) {
	counting.Each(t, func(t *testing.T, d testkit.Database) {
		c := newCounter(t, 3, d)
		for range 3 {
			require.NoError(t, c.try("owner", home, true))
			c.pass(10 * time.Second)
		}
		requireThrottled(t, c.try("owner", home, false))
		requireThrottled(t, c.try("owner", home, true))
		require.NoError(t, c.try("owner", abroad, false), "the owner is let in from elsewhere")
		require.NoError(t, c.try("other", home, false), "others are let in from there")
		require.Equal(t, 3, c.rows(), "what is refused leaves nothing")

		c.pass(30 * time.Second)
		require.NoError(t, c.try("owner", home, true), "the first failure is over")
		requireThrottled(t, c.try("owner", home, false))
	})
}

func TestThrottleTellsWhenToTryAgain(t *testing.T) {
	counting.Each(t, func(t *testing.T, d testkit.Database) {
		c := newCounter(t, 2, d)
		// until is how long it takes from now until the failure that is the nth last one of all is over.
		until := func(n int) (atMost time.Duration) {
			var at int64
			require.NoError(t, c.db.Raw("SELECT failed_at FROM login_failures ORDER BY failed_at DESC LIMIT 1 OFFSET ?", n-1).Scan(&at).Error)
			return window - time.Duration(c.now()-at)*time.Microsecond
		}
		between := func(n int, account string) {
			t.Helper()
			longest := until(n)
			after := requireThrottled(t, c.try(account, home, false))
			require.LessOrEqual(t, after, longest)
			require.GreaterOrEqual(t, after, until(n))
		}
		require.NoError(t, c.try("owner", home, true))
		c.pass(window / 3)
		require.NoError(t, c.try("owner", home, true))
		between(2, "owner") // as soon as the first is over
		c.pass(window / 3)
		for i := range 18 {
			require.NoError(t, c.try(fmt.Sprint("other", i), home, true))
		}
		between(20, "stranger")
		between(20, "owner")
		require.NoError(t, c.try("owner", abroad, true))
		require.NoError(t, c.try("owner", abroad, true))
	})
}

func TestThrottleByAddress(t *testing.T) {
	counting.Each(t, func(t *testing.T, d testkit.Database) {
		c := newCounter(t, 2, d)
		for i := range 20 {
			require.NoError(t, c.try(fmt.Sprint("account", i), home, true))
		}
		requireThrottled(t, c.try("owner", home, false))
		require.NoError(t, c.try("owner", abroad, false))
	})
}

func TestThrottleIgnoresSuccess(t *testing.T) {
	counting.Each(t, func(t *testing.T, d testkit.Database) {
		c := newCounter(t, 2, d)
		for i := range 19 {
			require.NoError(t, c.try(fmt.Sprint("account", i), home, true))
			require.NoError(t, c.try("owner", home, false), "right passwords do not count")
		}
		require.NoError(t, c.try("last", home, true))
		requireThrottled(t, c.try("owner", home, false)) // they do not make up for wrong ones either
		require.Equal(t, 20, c.rows(), "only failures are written")
	})
}

func TestThrottleOff(t *testing.T) {
	c := counter{t, newThrottle(0, nil, counting.SQLite(t).Open(t))}
	for range 1000 {
		require.NoError(t, c.try("owner", home, true))
		require.NoError(t, c.try("owner", home, false))
	}
	require.Zero(t, c.rows())
}

func TestThrottleCountsNetworksOfIPv6(t *testing.T) {
	counting.Each(t, func(t *testing.T, d testkit.Database) {
		c := newCounter(t, 1, d)
		require.NoError(t, c.try("owner", netip.MustParseAddr("2001:db8:0:1::1"), true))
		requireThrottled(t, c.try("owner", netip.MustParseAddr("2001:db8:0:1:ffff::2"), true))
		require.NoError(t, c.try("owner", netip.MustParseAddr("2001:db8:0:2::1"), true))
		require.NoError(t, c.try("owner", home, true))
		requireThrottled(t, c.try("owner", netip.MustParseAddr("::ffff:192.0.2.1"), true))
	})
}

// Replicas that count one after the other would each let as many pass; so would one that looks before and counts after.
func TestThrottleLetsNoBurstOfFailuresThroughAtAnyReplica(t *testing.T) {
	counting.Each(t, func(t *testing.T, d testkit.Database) {
		replicas := []counter{newCounter(t, 3, d), newCounter(t, 3, d), newCounter(t, 3, d)}
		for round := range 5 {
			var begun, passed, refused atomic.Int32
			var all sync.WaitGroup
			crowd := make(chan struct{}) // closed when all that find a place at first have been let in
			for i, c := range replicas {
				for j := range 10 {
					account := fmt.Sprint("owner", round)
					from := netip.AddrFrom4([4]byte{10, 0, 0, byte(round)})
					all.Go(func() {
						a, err := c.begin(t.Context(), account, from)
						if err == nil {
							defer a.leave(nil)
							if int(begun.Add(1)) == 3*len(replicas) {
								close(crowd)
							}
							select {
							case <-crowd:
							case <-time.After(20 * time.Second):
								t.Error("there are fewer places than may fail")
							}
							err = a.fail(t.Context(), unrecorded)
						}
						switch {
						case err == nil:
							passed.Add(1)
						case assert.Equal(t, errs.TooManyRequests, errs.KindOf(err), "%d/%d: %v", i, j, err):
							refused.Add(1)
						}
					})
				}
			}
			all.Wait()
			require.EqualValues(t, 3, passed.Load())
			require.EqualValues(t, 27, refused.Load())
		}
	})
}

// A right password among too many wrong ones stands in the order in which they are decided, wherever that is.
func TestThrottleLetsNoSuccessThroughAfterTheLastFailure(t *testing.T) {
	counting.Each(t, func(t *testing.T, d testkit.Database) {
		one, other := newCounter(t, 2, d), newCounter(t, 2, d)
		a := must(one.begin(t.Context(), "owner", home))
		require.NoError(t, other.try("owner", home, true))
		require.NoError(t, a.allowed(one.db.WithContext(t.Context())))
		require.NoError(t, other.try("owner", home, true))
		requireThrottled(t, a.allowed(one.db.WithContext(t.Context())))
		requireThrottled(t, a.fail(t.Context(), unrecorded))
	})
}

// Refusing what finds no place would turn most of them away.
func TestThrottleLetsABurstOfSuccessesThrough(t *testing.T) {
	counting.Each(t, func(t *testing.T, d testkit.Database) {
		c := newCounter(t, 3, d)
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() { assert.NoError(t, c.try("owner", home, false)) })
		}
		all.Wait()
		require.Zero(t, c.places.Len(), "nothing is left of them")
		require.Zero(t, c.rows())
	})
}
