package auth

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"portico.internal/platform/errs"
)

func TestPlacesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p places
		var at atomic.Int32
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() {
				leave, err := p.take(t.Context(), "key", 3)
				if !assert.NoError(t, err) {
					return
				}
				assert.LessOrEqual(t, at.Add(1), int32(3))
				time.Sleep(time.Second)
				at.Add(-1)
				leave(nil)
			})
		}
		synctest.Wait()
		require.EqualValues(t, 3, at.Load(), "no fewer than may be")
		leave, err := p.take(t.Context(), "other", 3)
		require.NoError(t, err, "others do not queue")
		leave(nil)
		all.Wait()
		require.Empty(t, p.keys, "nothing is left of them")
	})
}

func TestPlacesAreWaitedForInAShortQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p places
		hung := must(p.take(t.Context(), "key", 1))
		left, cancel := context.WithTimeoutCause(t.Context(), time.Second, errBusy())
		defer cancel()
		start := time.Now()
		_, err := p.take(left, "key", 1)
		require.Equal(t, errs.Unavailable, errs.KindOf(err))
		require.Equal(t, time.Second, time.Since(start))

		var all sync.WaitGroup
		for range maxWaiting {
			all.Go(func() {
				leave, err := p.take(t.Context(), "key", 1)
				if assert.NoError(t, err) {
					leave(nil)
				}
			})
		}
		synctest.Wait()
		_, err = p.take(t.Context(), "key", 1)
		require.Equal(t, errs.Unavailable, errs.KindOf(err))
		hung(nil)
		all.Wait()
		require.Empty(t, p.keys)

		hung = must(p.take(t.Context(), "key", 1))
		var heard atomic.Int32
		for range maxWaiting {
			all.Go(func() {
				leave, err := p.take(t.Context(), "key", 1)
				if err == nil { // as one may that comes first, to find out for itself
					time.Sleep(time.Second)
					leave(nil)
				} else if assert.ErrorIs(t, err, context.DeadlineExceeded) {
					heard.Add(1)
				}
			})
		}
		synctest.Wait()
		start = time.Now()
		hung(fmt.Errorf("reading: %w", context.DeadlineExceeded))
		all.Wait()
		require.GreaterOrEqual(t, heard.Load(), int32(maxWaiting-1))
		require.LessOrEqual(t, time.Since(start), time.Second, "the database does not let them wait one by one")
		require.Empty(t, p.keys)
		must(p.take(t.Context(), "key", 1))(nil)
	})
}
