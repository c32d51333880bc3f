package auth

import (
	"context"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"portico.internal/platform/errs"
)

var (
	home   = netip.MustParseAddr("192.0.2.1")
	abroad = netip.MustParseAddr("198.51.100.7")
)

// try makes one attempt that ends at once, and returns the error that refused it.
func try(th *throttle, account string, from netip.Addr, failed bool) error {
	a, err := th.begin(context.Background(), account, from)
	if err == nil {
		a.end(failed)
	}
	return err
}

func requireThrottled(t *testing.T, err error, after time.Duration) {
	t.Helper()
	var e *errs.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, errs.TooManyRequests, e.Kind)
	require.Equal(t, after, e.RetryAfter)
}

func TestThrottleByAccountAndAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th := newThrottle(3)
		for range 3 {
			require.NoError(t, try(th, "owner", home, true))
			time.Sleep(10 * time.Second)
		}
		requireThrottled(t, try(th, "owner", home, false), 30*time.Second)
		require.NoError(t, try(th, "owner", abroad, false), "the owner is let in from elsewhere")
		require.NoError(t, try(th, "other", home, false), "others are let in from there")

		time.Sleep(30*time.Second - time.Nanosecond)
		requireThrottled(t, try(th, "owner", home, false), time.Nanosecond)
		time.Sleep(time.Nanosecond)
		require.NoError(t, try(th, "owner", home, true), "the first failure is over")
		requireThrottled(t, try(th, "owner", home, false), 10*time.Second)
	})
}

func TestThrottleByAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th := newThrottle(2)
		for i := range 20 {
			require.NoError(t, try(th, fmt.Sprint("account", i), home, true))
		}
		requireThrottled(t, try(th, "owner", home, false), time.Minute)
		require.NoError(t, try(th, "owner", abroad, false))
	})
}

func TestThrottleIgnoresSuccess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th := newThrottle(2)
		for i := range 19 {
			require.NoError(t, try(th, fmt.Sprint("account", i), home, true))
			require.NoError(t, try(th, "owner", home, false), "right passwords do not count")
		}
		require.NoError(t, try(th, "last", home, true))
		requireThrottled(t, try(th, "owner", home, false), time.Minute) // they do not make up for wrong ones either
	})
}

func TestThrottleOff(t *testing.T) {
	th := newThrottle(0)
	for range 1000 {
		require.NoError(t, try(th, "owner", home, true))
	}
	require.Empty(t, th.buckets)
}

func TestThrottleCountsNetworksOfIPv6(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th := newThrottle(1)
		require.NoError(t, try(th, "owner", netip.MustParseAddr("2001:db8:0:1::1"), true))
		requireThrottled(t, try(th, "owner", netip.MustParseAddr("2001:db8:0:1:ffff::2"), true), time.Minute)
		require.NoError(t, try(th, "owner", netip.MustParseAddr("2001:db8:0:2::1"), true))
		require.NoError(t, try(th, "owner", home, true))
		requireThrottled(t, try(th, "owner", netip.MustParseAddr("::ffff:192.0.2.1"), true), time.Minute)
	})
}

// Checking before and counting after would let all of them pass.
func TestThrottleLetsNoBurstOfFailuresThrough(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th := newThrottle(3)
		var passed, refused atomic.Int32
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				a, err := th.begin(t.Context(), "owner", home)
				if err != nil {
					refused.Add(1)
					return
				}
				passed.Add(1)
				time.Sleep(time.Second) // the password is looked at
				a.end(true)
			})
		}
		wg.Wait()
		require.EqualValues(t, 3, passed.Load())
		require.EqualValues(t, 47, refused.Load())
	})
}

// Taking places and refusing the rest would turn away 47 of them.
func TestThrottleLetsABurstOfSuccessesThrough(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th := newThrottle(3)
		var under atomic.Int32
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				a, err := th.begin(t.Context(), "owner", home)
				if !assert.NoError(t, err) {
					return
				}
				assert.LessOrEqual(t, under.Add(1), int32(3), "more at once than could fail")
				time.Sleep(time.Second)
				under.Add(-1)
				a.end(false)
			})
		}
		wg.Wait()
		require.Empty(t, th.buckets, "nothing is left of them")
	})
}

func TestThrottleWaitsForABoundedTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th := newThrottle(1)
		hung := must(th.begin(t.Context(), "owner", home))
		start := time.Now()
		err := try(th, "owner", home, false)
		require.Equal(t, errs.Unavailable, errs.KindOf(err))
		require.Equal(t, maxWait, time.Since(start))

		left, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err = th.begin(left, "owner", home)
		require.ErrorIs(t, err, context.DeadlineExceeded)

		var wg sync.WaitGroup
		for range maxWaiting {
			wg.Go(func() { assert.NoError(t, try(th, "owner", home, false)) })
		}
		synctest.Wait()
		start = time.Now()
		err = try(th, "owner", home, false)
		require.Equal(t, errs.Unavailable, errs.KindOf(err), "the queue is bounded")
		require.Equal(t, start, time.Now())
		require.NoError(t, try(th, "other", home, false), "others do not queue")
		hung.end(false)
		wg.Wait()

		hung = must(th.begin(t.Context(), "owner", home))
		for range maxWaiting {
			wg.Go(func() { assert.ErrorIs(t, try(th, "owner", home, false), context.DeadlineExceeded) })
		}
		synctest.Wait()
		hung.hung = context.DeadlineExceeded
		hung.end(false)
		wg.Wait()
		require.NoError(t, try(th, "owner", home, false), "the next one finds out for itself")
	})
}

func TestThrottleRemembersABoundedNumber(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th := newThrottle(1)
		under := must(th.begin(t.Context(), "under way", home))
		address := netip.MustParseAddr("10.0.0.0")
		for range maxBuckets {
			require.NoError(t, try(th, "owner", address, true))
			address = address.Next()
		}
		require.Len(t, th.buckets, maxBuckets)
		require.Equal(t, maxBuckets, th.recent.Len())
		under.end(true)
		requireThrottled(t, try(th, "under way", home, true), time.Minute)

		th = newThrottle(2)
		require.NoError(t, try(th, "owner", home, true))
		for i := range maxBuckets / 2 { // two buckets each
			if i == maxBuckets/4 {
				require.NoError(t, try(th, "owner", home, true))
			}
			require.NoError(t, try(th, "owner", address, true))
			address = address.Next()
		}
		requireThrottled(t, try(th, "owner", home, true), time.Minute) // what was used last is kept

		th = newThrottle(1)
		for i := range addressFactor {
			require.NoError(t, try(th, fmt.Sprint("account", i), home, true))
		}
		before := len(th.buckets)
		for i := range 100 {
			require.Error(t, try(th, fmt.Sprint("new", i), home, true))
		}
		require.Len(t, th.buckets, before, "a refused attempt leaves nothing, so it pushes nothing out")
	})
}

// Whatever the order of attempts, no minute holds more failures than allowed, and none is refused without cause.
func TestThrottleAgainstAPlainCount(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		limit := rapid.IntRange(1, 3).Draw(rt, "limit")
		steps := rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) (s struct {
			pause   int
			account string
			failed  bool
		}) {
			s.pause = rapid.IntRange(0, 20).Draw(rt, "pause")
			s.account = rapid.SampledFrom([]string{"a", "b"}).Draw(rt, "account")
			s.failed = rapid.Bool().Draw(rt, "failed")
			return s
		}), 1, 40).Draw(rt, "steps")
		synctest.Test(t, func(t *testing.T) {
			th := newThrottle(limit)
			failures := map[string][]time.Time{}
			for _, s := range steps {
				time.Sleep(time.Duration(s.pause) * time.Second)
				n := 0
				for _, at := range failures[s.account] {
					if time.Since(at) < time.Minute {
						n++
					}
				}
				err := try(th, s.account, home, s.failed)
				require.Equal(t, n >= limit, err != nil)
				if err == nil && s.failed {
					failures[s.account] = append(failures[s.account], time.Now())
				}
			}
		})
	})
}
