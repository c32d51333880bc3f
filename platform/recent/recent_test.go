package recent_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"portico.internal/platform/recent"
)

func TestAnswersAreNeverOlderThanMaxAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var loads int
		c := recent.New(10, func(context.Context, string) (int, error) {
			loads++
			time.Sleep(300 * time.Millisecond) // a slow answer is as old as its question
			return loads, nil
		})
		get := func() int {
			v, err := c.Get(t.Context(), "a")
			require.NoError(t, err)
			return v
		}
		require.Equal(t, 1, get())
		time.Sleep(recent.MaxAge - 301*time.Millisecond)
		require.Equal(t, 1, get())
		time.Sleep(2 * time.Millisecond)
		require.Equal(t, 2, get())
	})
}

func TestLoadThatOverlapsAnInvalidateIsNotKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var stored atomic.Value
		stored.Store("before")
		c := recent.New(10, func(context.Context, string) (string, error) {
			seen := stored.Load().(string)
			time.Sleep(100 * time.Millisecond)
			return seen, nil
		})
		go func() { _, _ = c.Get(t.Context(), "a") }()
		time.Sleep(50 * time.Millisecond)
		stored.Store("after")
		c.Invalidate("a")
		v, err := c.Get(t.Context(), "a") // must not join the load that is on its way
		require.NoError(t, err)
		require.Equal(t, "after", v)
		v, _ = c.Get(t.Context(), "a")
		require.Equal(t, "after", v)
	})
}

func TestCallersShareALoadAndOutliveTheFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var loads atomic.Int32
		c := recent.New(10, func(ctx context.Context, _ string) (int32, error) {
			time.Sleep(100 * time.Millisecond)
			return loads.Add(1), ctx.Err()
		})
		first, leave := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() {
			_, err := c.Get(first, "a")
			require.ErrorIs(t, err, context.Canceled)
		})
		synctest.Wait()
		for range 50 {
			wg.Go(func() {
				v, err := c.Get(t.Context(), "a")
				require.NoError(t, err)
				require.EqualValues(t, 1, v)
			})
		}
		synctest.Wait()
		leave()
		wg.Wait()
	})
}

func TestNobodyJoinsALoadThatIsTooOld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var loads atomic.Int32
		c := recent.New(10, func(context.Context, string) (int32, error) {
			n := loads.Add(1)
			time.Sleep(2 * time.Second) // a slow database
			return n, nil
		})
		go func() { _, _ = c.Get(t.Context(), "a") }()
		time.Sleep(recent.MaxAge)
		v, err := c.Get(t.Context(), "a")
		require.NoError(t, err)
		require.EqualValues(t, 2, v)
	})
}

func TestErrorsAreNotKept(t *testing.T) {
	fail := errors.New("down")
	c := recent.New(10, func(context.Context, string) (int, error) {
		err := fail
		fail = nil
		return 7, err
	})
	_, err := c.Get(t.Context(), "a")
	require.ErrorContains(t, err, "down")
	v, err := c.Get(t.Context(), "a")
	require.NoError(t, err)
	require.Equal(t, 7, v)
}

func TestInvalidateAllForgetsEveryKeyAndWhatIsOnItsWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var stored atomic.Value
		stored.Store("before")
		c := recent.New(10, func(_ context.Context, key string) (string, error) {
			seen := stored.Load().(string)
			time.Sleep(100 * time.Millisecond)
			return key + " " + seen, nil
		})
		get := func(key string) string {
			v, err := c.Get(t.Context(), key)
			require.NoError(t, err)
			return v
		}
		require.Equal(t, "a before", get("a"))
		require.Equal(t, "b before", get("b"))
		early := make(chan string, 1)
		go func() { early <- get("c") }()
		time.Sleep(50 * time.Millisecond)
		stored.Store("after")
		c.InvalidateAll()
		for _, key := range []string{"a", "b", "c"} {
			require.Equal(t, key+" after", get(key))
		}
		require.Equal(t, "c before", <-early, "who asked before has its answer")
		require.Equal(t, "c after", get("c"), "which is not kept")
	})
}
