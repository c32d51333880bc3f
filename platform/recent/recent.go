// Package recent caches what the database said a moment ago, for answers that must never be staler than a bound and
// must follow a change made by this process at once.
package recent

import (
	"context"
	"sync"
	"time"

	"github.com/maypok86/otter/v2"
)

// MaxAge is how old an answer of a [Cache] may be: a little less than the second that is promised across replicas.
const MaxAge = 900 * time.Millisecond

// loadTimeout bounds one look at the database, whoever asked for it.
const loadTimeout = 5 * time.Second

// Cache holds one value for each key. An answer is at most [MaxAge] old, counted from before the question was sent.
// Callers who ask for the same key at the same time share one load. Errors are not kept; that a thing is not there
// is a value of V.
type Cache[V any] struct {
	load    func(ctx context.Context, key string) (V, error)
	entries *otter.Cache[string, entry[V]]

	mu      sync.Mutex // entries are stored and dropped under it, so that no load outlives an Invalidate
	flights map[string]*flight[V]
}

type entry[V any] struct {
	value   V
	expires time.Time
}

type flight[V any] struct {
	asked time.Time
	done  chan struct{}
	value V
	err   error
	stale bool // not to be kept
}

// New makes a cache of at most size keys.
func New[V any](size int, load func(ctx context.Context, key string) (V, error)) *Cache[V] {
	return &Cache[V]{
		load:    load,
		entries: otter.Must(&otter.Options[string, entry[V]]{MaximumSize: size}),
		flights: map[string]*flight[V]{},
	}
}

// Get returns the value of the key.
func (c *Cache[V]) Get(ctx context.Context, key string) (V, error) {
	if e, ok := c.entries.GetIfPresent(key); ok && time.Now().Before(e.expires) {
		return e.value, nil
	}
	f := c.join(ctx, key)
	select {
	case <-f.done:
		return f.value, f.err
	case <-ctx.Done():
		var none V
		return none, ctx.Err()
	}
}

// Invalidate forgets the key. Call it after the commit that changed what the key stands for: an answer that was on
// its way meanwhile goes to those who asked before and is not kept.
func (c *Cache[V]) Invalidate(key string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f := c.flights[key]; f != nil {
		f.stale = true
		delete(c.flights, key)
	}
	c.entries.Invalidate(key)
}

// InvalidateAll forgets every key, as [Cache.Invalidate] forgets one.
func (c *Cache[V]) InvalidateAll() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, f := range c.flights {
		f.stale = true
	}
	clear(c.flights)
	c.entries.InvalidateAll()
}

func (c *Cache[V]) join(ctx context.Context, key string) *flight[V] {
	c.mu.Lock()
	defer c.mu.Unlock()
	f := c.flights[key]
	if f != nil && time.Since(f.asked) >= MaxAge { // its answer would be too old for who asks now
		f.stale = true
		f = nil
	}
	if f == nil {
		f = &flight[V]{asked: time.Now(), done: make(chan struct{})}
		c.flights[key] = f
		go c.fly(context.WithoutCancel(ctx), key, f) // the others must not lose the answer when the first one leaves
	}
	return f
}

func (c *Cache[V]) fly(ctx context.Context, key string, f *flight[V]) {
	ctx, cancel := context.WithTimeout(ctx, loadTimeout)
	defer cancel()
	f.value, f.err = c.load(ctx, key)
	c.mu.Lock()
	if !f.stale {
		delete(c.flights, key)
		if f.err == nil {
			c.entries.Set(key, entry[V]{f.value, f.asked.Add(MaxAge)})
		}
	}
	c.mu.Unlock()
	close(f.done)
}
