package auth

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorm.io/gorm"
	"pgregory.net/rapid"

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

// try makes one attempt that ends at once, and returns the error that refused it.
func (c counter) try(account string, from netip.Addr, failed bool) error {
	c.Helper()
	a, err := c.begin(c.Context(), account, from)
	if err != nil {
		return err
	}
	defer a.leave(nil)
	if failed {
		return a.fail(c.Context())
	}
	return a.allowed(c.Context())
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
	c := counter{t, newThrottle(0, nil, nil)} // it does without a database
	for range 1000 {
		require.NoError(t, c.try("owner", home, true))
		require.NoError(t, c.try("owner", home, false))
	}
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
							err = a.fail(t.Context())
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
		require.NoError(t, a.allowed(t.Context()))
		require.NoError(t, other.try("owner", home, true))
		requireThrottled(t, a.allowed(t.Context()))
		requireThrottled(t, a.fail(t.Context()))
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
		require.Empty(t, c.places.keys, "nothing is left of them")
		require.Zero(t, c.rows())
	})
}

func TestThrottleForgetsWhatIsOver(t *testing.T) {
	counting.Each(t, func(t *testing.T, d testkit.Database) {
		c := newCounter(t, 100, d)
		fail := func(n int) {
			for i := range n {
				require.NoError(t, c.try(fmt.Sprint("account", i), netip.AddrFrom4([4]byte{10, 0, 0, byte(i)}), true))
			}
		}
		fail(sweep + 20)
		require.Equal(t, sweep+20, c.rows())
		c.pass(window)
		fail(1)
		require.Equal(t, 21, c.rows(), "so many at once")
		fail(1)
		require.Equal(t, 2, c.rows(), "those of this minute")
	})
}

func TestThrottleKeepsNobodysName(t *testing.T) {
	counting.Each(t, func(t *testing.T, d testkit.Database) {
		const password = "typed into the wrong field"
		c := newCounter(t, 1, d)
		require.NoError(t, c.try(password, home, true))
		var rows []map[string]any
		require.NoError(t, c.db.Raw("SELECT * FROM login_failures").Scan(&rows).Error)
		require.Len(t, rows, 1)
		row := fmt.Sprint(rows[0])
		for _, clear := range []string{password, home.String()} {
			plain := sha256.Sum256([]byte(clear))
			require.NotContains(t, row, clear)
			require.NotContains(t, row, hex.EncodeToString(plain[:8]), "a hash that anybody can try addresses against")
		}
		stranger := newThrottle(1, []byte("of somebody else"), c.db)
		require.NotContains(t, row, stranger.key("address", home.String()))
		require.NotContains(t, row, stranger.key("account", home.String(), password))
		require.NotEqual(t, c.key("account", "a", "bc"), c.key("account", "ab", "c"))
	})
}

// What the database cannot say is no wrong password.
func TestThrottleWithoutADatabase(t *testing.T) {
	relay := testkit.NewRelay(t, counting.Postgres(t).URL)
	c := newCounter(t, 3, testkit.Database{Name: "postgres", URL: relay.URL})
	a := must(c.begin(t.Context(), "owner", home))
	relay.Down()

	require.Equal(t, errs.Unavailable, errs.KindOf(a.fail(t.Context())))
	require.Equal(t, errs.Unavailable, errs.KindOf(a.allowed(t.Context())))
	a.leave(nil)
	require.Equal(t, errs.Unavailable, errs.KindOf(c.try("owner", home, true)))
	require.Empty(t, c.places.keys)
	relay.Up()
	require.NoError(t, c.try("owner", home, true))
}

// Whatever the order of attempts, no minute holds more failures than allowed, and none is refused without cause.
func TestThrottleAgainstAPlainCount(t *testing.T) {
	counting.Each(t, func(t *testing.T, d testkit.Database) {
		c := newCounter(t, 0, d)
		run := 0
		rapid.Check(t, func(rt *rapid.T) {
			run++
			limit := rapid.IntRange(1, 3).Draw(rt, "limit")
			c.perAccount, c.perAddress = limit, 5
			from := netip.AddrFrom4([4]byte{10, byte(run >> 16), byte(run >> 8), byte(run)})
			type failure struct {
				account string
				age     time.Duration
			}
			var failures []failure
			for range rapid.IntRange(1, 12).Draw(rt, "steps") {
				if pause := time.Duration(rapid.IntRange(0, 2).Draw(rt, "pause")) * window / 3; pause > 0 {
					c.pass(pause)
					for i := range failures {
						failures[i].age += pause
					}
					failures = slices.DeleteFunc(failures, func(f failure) bool { return f.age >= window })
				}
				account, failed := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(rt, "account"), rapid.Bool().Draw(rt, "failed")
				own := 0
				for _, f := range failures {
					if f.account == account {
						own++
					}
				}
				err := c.try(account, from, failed)
				if refused := own >= limit || len(failures) >= 5; refused != (err != nil) {
					rt.Fatalf("%v, where %s has failed %d times and the address %d times", err, account, own, len(failures))
				}
				if err == nil && failed {
					failures = append(failures, failure{account: account})
				}
			}
		})
	})
}
