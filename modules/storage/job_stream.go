package storage

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	parallel   = 8   // objects under way at once
	page       = 100 // objects read from the catalogue at once
	batch      = 100 // results stored at once
	batchDelay = 200 * time.Millisecond

	copyMemory = 4 * partSize // for what is being copied to a service
)

// stream has do done for all items, several at once, and commit for what comes of them, a batch at a time. next returns
// the next items, and none at the end. The first error of next or commit ends it, and ctx of the others.
func stream[In, Out any](ctx context.Context, next func(context.Context) ([]In, error), do func(context.Context, In) Out, commit func(context.Context, []Out) error) error {
	group, ctx := errgroup.WithContext(ctx)
	in, out := make(chan In, page), make(chan Out, batch) // the next page is read while one is worked on
	group.Go(safely(func() error {
		defer close(in)
		return feed(ctx, next, in)
	}))
	var workers sync.WaitGroup
	workers.Add(parallel)
	for range parallel {
		group.Go(safely(func() error {
			defer workers.Done()
			for item := range in {
				result := do(ctx, item)
				if ctx.Err() != nil {
					return context.Cause(ctx) // what was cut off is no result
				}
				select {
				case out <- result:
				case <-ctx.Done():
				}
			}
			return nil
		}))
	}
	group.Go(func() error {
		workers.Wait()
		close(out)
		return nil
	})
	group.Go(safely(func() error { return gather(ctx, out, commit) }))
	return group.Wait()
}

func feed[In any](ctx context.Context, next func(context.Context) ([]In, error), in chan<- In) error {
	for {
		items, err := next(ctx)
		if err != nil || len(items) == 0 {
			return err
		}
		for _, item := range items {
			select {
			case in <- item:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
	}
}

// gather commits a batch when it is full, when its oldest result has waited, and at the end.
func gather[Out any](ctx context.Context, out <-chan Out, commit func(context.Context, []Out) error) error {
	var results []Out
	var late <-chan time.Time
	for {
		select {
		case result, more := <-out:
			if more {
				results = append(results, result)
				if late == nil {
					late = time.After(batchDelay)
				}
			}
			if more && len(results) < batch {
				continue
			}
			if !more && (len(results) == 0 || ctx.Err() != nil) {
				return context.Cause(ctx)
			}
			if err := commit(ctx, results); err != nil || !more {
				return err
			}
		case <-late:
			if err := commit(ctx, results); err != nil {
				return err
			}
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		results, late = nil, nil
	}
}

// safely makes an error of a panic: it must not take the gateway down.
func safely(fn func() error) func() error {
	return func() (err error) {
		defer func() {
			if cause := recover(); cause != nil {
				err = fmt.Errorf("panic: %v\n%s", cause, debug.Stack())
			}
		}()
		return fn()
	}
}
