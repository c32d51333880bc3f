package turns_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"portico.internal/platform/turns"
)

const maxWaiting = 256

var errBusy = errors.New("busy")

func usual() *turns.Turns {
	return &turns.Turns{Patience: 20 * time.Second, Queue: maxWaiting, Busy: func() error { return errBusy }}
}

func key(limit int) turns.Key { return turns.Key{Name: "key", Limit: limit} }

func TestPlacesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := usual()
		var at atomic.Int32
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() {
				leave, err := p.Take(t.Context(), key(3))
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
		leave, err := p.Take(t.Context(), turns.Key{Name: "other", Limit: 3})
		require.NoError(t, err, "others do not queue")
		leave(nil)
		all.Wait()
		require.Zero(t, p.Len(), "nothing is left of them")
	})
}

func TestPlacesAreWaitedForInAShortQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := usual()
		hung, err := p.Take(t.Context(), key(1))
		require.NoError(t, err)
		left, cancel := context.WithTimeoutCause(t.Context(), time.Second, errBusy)
		defer cancel()
		start := time.Now()
		_, err = p.Take(left, key(1))
		require.Equal(t, errBusy, err)
		require.Equal(t, time.Second, time.Since(start))

		var all sync.WaitGroup
		for range maxWaiting {
			all.Go(func() {
				leave, err := p.Take(t.Context(), key(1))
				if assert.NoError(t, err) {
					leave(nil)
				}
			})
		}
		synctest.Wait()
		_, err = p.Take(t.Context(), key(1))
		require.Equal(t, errBusy, err)
		hung(nil)
		all.Wait()
		require.Zero(t, p.Len())

		hung, err = p.Take(t.Context(), key(1))
		require.NoError(t, err)
		var heard atomic.Int32
		for range maxWaiting {
			all.Go(func() {
				_, err := p.Take(t.Context(), key(1))
				if assert.ErrorIs(t, err, context.DeadlineExceeded) {
					heard.Add(1)
				}
			})
		}
		synctest.Wait()
		start = time.Now()
		hung(fmt.Errorf("reading: %w", context.DeadlineExceeded))
		all.Wait()
		require.EqualValues(t, maxWaiting, heard.Load())
		require.Zero(t, time.Since(start), "the database does not let them wait one by one")
		require.Zero(t, p.Len())
		hung, err = p.Take(t.Context(), key(1))
		require.NoError(t, err)
		hung(nil)
	})
}

// Of two keys the first is given back when the second cannot be had; who hung at either is heard of at both, unless it was
// the time of that caller alone that ended.
func TestPlacesAtTwoKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, other := usual(), turns.Key{Name: "other", Limit: 2}
		ctx, end := context.WithCancel(t.Context())
		first, err := p.Take(ctx, key(1), other)
		require.NoError(t, err)
		second, err := p.Take(t.Context(), other)
		require.NoError(t, err)

		heard := make(chan error, 2)
		wait := func(keys ...turns.Key) {
			go func() {
				leave, err := p.Take(t.Context(), keys...)
				if err == nil {
					leave(nil)
				}
				heard <- err
			}()
			synctest.Wait()
		}
		wait(key(1))
		wait(other)
		first(context.DeadlineExceeded)
		require.ErrorIs(t, <-heard, context.DeadlineExceeded)
		require.ErrorIs(t, <-heard, context.DeadlineExceeded)

		first, err = p.Take(ctx, key(1), other)
		require.NoError(t, err)
		wait(key(1))
		end()
		first(context.DeadlineExceeded)
		require.NoError(t, <-heard)

		third, err := p.Take(t.Context(), other)
		require.NoError(t, err)
		_, err = p.Take(t.Context(), key(1), other)
		require.Equal(t, errBusy, err)
		require.Equal(t, 1, p.Len(), "nobody is at the first key")
		second(nil)
		third(nil)
		require.Zero(t, p.Len())
	})
}
