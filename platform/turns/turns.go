// Package turns lets so many callers at a time do something about one thing, and the others wait.
package turns

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

// Turns bounds how many in this process are at the same key at the same time. The others wait, first come first served.
type Turns struct {
	Patience time.Duration // of those who wait
	Queue    int           // how many may wait at all keys together; 0: any number
	Busy     func() error  // what those hear who have waited for so long, or find the queue full

	mu      sync.Mutex
	keys    map[string]*key // that somebody is at
	waiting int
}

type key struct {
	taken int
	line  []chan error // of those who wait
}

// Key is something that Limit callers may be at. A name has the same limit each time.
type Key struct {
	Name  string
	Limit int
}

// Take waits for a place at every key, in their order; then done must be called, with the error of what was done. When
// somebody has waited for the database in vain (context.DeadlineExceeded, and not because their own ctx has ended), those
// who wait for a place fail with the same: some at a time they would wait in vain for ever longer. Take fails with the
// error of ctx when that ends first.
func (t *Turns) Take(ctx context.Context, keys ...Key) (done func(error), err error) {
	soon, cancel := context.WithTimeoutCause(ctx, t.Patience, t.Busy())
	defer cancel()
	var taken []Key
	leave := func(hung error) {
		for _, k := range slices.Backward(taken) {
			t.leave(k, hung)
		}
	}
	for _, k := range keys {
		if err := t.take(soon, k); err != nil {
			leave(nil)
			return nil, err
		}
		taken = append(taken, k)
	}
	return func(err error) {
		if ctx.Err() != nil || !errors.Is(err, context.DeadlineExceeded) {
			err = nil
		}
		leave(err)
	}, nil
}

func (t *Turns) take(ctx context.Context, k Key) error {
	place, err := t.enter(k)
	if place == nil {
		return err
	}
	select {
	case err := <-place:
		return err
	case <-ctx.Done():
		t.abandon(k, place)
		return context.Cause(ctx)
	}
}

// enter returns the place in the line, nil where there is no need to wait, or no use.
func (t *Turns) enter(k Key) (place chan error, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	at := t.keys[k.Name]
	if at == nil {
		at = &key{}
		if t.keys == nil {
			t.keys = map[string]*key{}
		}
		t.keys[k.Name] = at
	}
	switch {
	case at.taken < k.Limit:
		at.taken++
		return nil, nil
	case t.Queue > 0 && t.waiting >= t.Queue:
		return nil, t.Busy()
	}
	place = make(chan error, 1)
	at.line = append(at.line, place)
	t.waiting++
	return place, nil
}

// abandon leaves the line, or the place that was given in this moment.
func (t *Turns) abandon(k Key, place chan error) {
	t.mu.Lock()
	at := t.keys[k.Name]
	waits := at != nil && slices.Contains(at.line, place)
	if waits {
		at.line = slices.DeleteFunc(at.line, func(other chan error) bool { return other == place })
		t.waiting--
	}
	t.mu.Unlock()
	if !waits && <-place == nil {
		t.leave(k, nil)
	}
}

// leave gives the place to the next, unless those who wait are told not to.
func (t *Turns) leave(k Key, hung error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	at := t.keys[k.Name]
	switch {
	case hung != nil:
		for _, place := range at.line {
			place <- hung
		}
		t.waiting -= len(at.line)
		at.line = nil
		at.taken--
	case len(at.line) > 0:
		at.line[0] <- nil
		at.line = at.line[1:]
		t.waiting--
	default:
		at.taken--
	}
	if at.taken == 0 {
		delete(t.keys, k.Name)
	}
}

// Len is how many keys somebody is at.
func (t *Turns) Len() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.keys)
}
