package users

import (
	"context"
	"sync"
	"time"
)

// turns lets one caller at a time do something about a key. The zero value is ready.
type turns struct {
	mu    sync.Mutex
	taken map[string]chan struct{}
}

// take waits until nobody else has the key, as long as a hash may be waited for. It fails as [Hasher.Hash] does when
// that or ctx ends; otherwise done must be called.
func (t *turns) take(ctx context.Context, key string) (done func(), err error) {
	timer := time.NewTimer(maxWait)
	defer timer.Stop()
	for {
		t.mu.Lock()
		other := t.taken[key]
		if other == nil {
			mine := make(chan struct{})
			if t.taken == nil {
				t.taken = map[string]chan struct{}{}
			}
			t.taken[key] = mine
			t.mu.Unlock()
			return func() {
				t.mu.Lock()
				delete(t.taken, key)
				t.mu.Unlock()
				close(mine)
			}, nil
		}
		t.mu.Unlock()
		select {
		case <-other:
		case <-timer.C:
			return nil, busy(nil)
		case <-ctx.Done():
			return nil, gone(ctx)
		}
	}
}
