package auth

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"

	"portico.internal/platform/errs"
)

const (
	maxWaiting = 256
	maxWait    = 20 * time.Second
)

// places bound how many in this process are at something about one key at the same time. The others wait, first come
// first served. The zero value is ready.
type places struct {
	waiting atomic.Int32

	mu   sync.Mutex
	keys map[string]*place // that somebody is at
}

type place struct {
	*semaphore.Weighted
	users int // who have it or wait for it
}

// take waits until fewer than limit others are at the key, until ctx ends; then leave must be called. It fails with
// errs.Unavailable when too many wait already. A key has the same limit each time.
func (p *places) take(ctx context.Context, key string, limit int) (leave func(), err error) {
	mine := p.enter(key, limit)
	if !mine.TryAcquire(1) {
		if err := p.wait(ctx, mine); err != nil {
			p.exit(key, mine)
			return nil, err
		}
	}
	return func() {
		mine.Release(1)
		p.exit(key, mine)
	}, nil
}

func (p *places) wait(ctx context.Context, mine *place) error {
	defer p.waiting.Add(-1)
	if p.waiting.Add(1) > maxWaiting {
		return errBusy()
	}
	if mine.Acquire(ctx, 1) != nil {
		return context.Cause(ctx)
	}
	return nil
}

func (p *places) enter(key string, limit int) *place {
	p.mu.Lock()
	defer p.mu.Unlock()
	one := p.keys[key]
	if one == nil {
		one = &place{Weighted: semaphore.NewWeighted(int64(limit))}
		if p.keys == nil {
			p.keys = map[string]*place{}
		}
		p.keys[key] = one
	}
	one.users++
	return one
}

func (p *places) exit(key string, one *place) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if one.users--; one.users == 0 {
		delete(p.keys, key)
	}
}

func errBusy() error {
	return errs.New(errs.Unavailable, "Too many logins at once, try again later").Retry(5 * time.Second)
}
