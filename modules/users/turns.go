package users

import (
	"context"
	"errors"
	"sync"
	"time"
)

// turns lets one caller at a time do something about a key. The zero value is ready.
type turns struct {
	mu    sync.Mutex
	taken map[string]*turn
}

type turn struct {
	over chan struct{} // closed when it is
	hung error         // what those who waited meanwhile hear as well
}

// take waits until nobody else has the key, as long as a hash may be waited for. It fails as [Hasher.Hash] does when
// that or ctx ends; otherwise done must be called, with the error of what was done. When that has waited for the database
// in vain, those who wait for their turn fail with it too: one by one they would wait in vain for ever longer.
func (t *turns) take(ctx context.Context, key string) (done func(error), err error) {
	timer := time.NewTimer(maxWait)
	defer timer.Stop()
	for {
		t.mu.Lock()
		other := t.taken[key]
		if other == nil {
			mine := &turn{over: make(chan struct{})}
			if t.taken == nil {
				t.taken = map[string]*turn{}
			}
			t.taken[key] = mine
			t.mu.Unlock()
			return func(err error) {
				if ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded) {
					mine.hung = err
				}
				t.mu.Lock()
				delete(t.taken, key)
				t.mu.Unlock()
				close(mine.over)
			}, nil
		}
		t.mu.Unlock()
		select {
		case <-other.over:
			if other.hung != nil {
				return nil, other.hung
			}
		case <-timer.C:
			return nil, busy(nil)
		case <-ctx.Done():
			return nil, gone(ctx)
		}
	}
}
