package auth

import (
	"context"
	"errors"
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
	users int             // who have it or wait for it
	hung  context.Context // ends when somebody here has waited for the database in vain
	tell  context.CancelCauseFunc
}

func (p *place) renew() { p.hung, p.tell = context.WithCancelCause(context.Background()) }

// take waits until fewer than limit others are at the key, until ctx ends; then leave must be called, with the error of
// what was done. It fails with errs.Unavailable when too many wait already. When somebody at the key has waited for the
// database in vain, those who wait for a place fail as well: some at a time they would wait in vain for ever longer. A key
// has the same limit each time.
func (p *places) take(ctx context.Context, key string, limit int) (leave func(error), err error) {
	mine, hung := p.enter(key, limit)
	if !mine.TryAcquire(1) {
		if err := p.wait(ctx, mine, hung); err != nil {
			p.exit(key, mine, nil)
			return nil, err
		}
	}
	return func(err error) {
		if ctx.Err() != nil || !errors.Is(err, context.DeadlineExceeded) {
			err = nil
		}
		p.exit(key, mine, err)
		mine.Release(1)
	}, nil
}

func (p *places) wait(ctx context.Context, mine *place, hung context.Context) error {
	defer p.waiting.Add(-1)
	if p.waiting.Add(1) > maxWaiting {
		return errBusy()
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(hung, func() { cancel(context.Cause(hung)) })()
	if mine.Acquire(ctx, 1) != nil {
		return context.Cause(ctx)
	}
	return nil
}

func (p *places) enter(key string, limit int) (mine *place, hung context.Context) {
	p.mu.Lock()
	defer p.mu.Unlock()
	one := p.keys[key]
	if one == nil {
		one = &place{Weighted: semaphore.NewWeighted(int64(limit))}
		one.renew()
		if p.keys == nil {
			p.keys = map[string]*place{}
		}
		p.keys[key] = one
	}
	one.users++
	return one, one.hung
}

func (p *places) exit(key string, one *place, hung error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if hung != nil {
		one.tell(hung)
		one.renew()
	}
	if one.users--; one.users == 0 {
		one.tell(nil)
		delete(p.keys, key)
	}
}

func errBusy() error {
	return errs.New(errs.Unavailable, "Too many logins at once, try again later").Retry(5 * time.Second)
}
