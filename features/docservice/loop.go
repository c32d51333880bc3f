package docservice

import (
	"context"
	"log/slog"
	"time"
)

const retryPause = time.Second

// loop is work in the background whose queue is in the database, so that nothing is lost when the process ends.
type loop struct {
	wake   chan struct{}
	cancel context.CancelFunc
	done   chan struct{}
}

// startLoop calls step as long as there is more to do, again when the loop is notified, each time that a while has passed
// since (never for 0), and a moment after an error.
func startLoop(ctx context.Context, log *slog.Logger, interrupted string, while time.Duration, step func(context.Context) (more bool, err error)) *loop {
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	l := &loop{wake: make(chan struct{}, 1), cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(l.done)
		trouble := false
		for {
			more, err := step(running)
			if more && err == nil {
				trouble = false
				continue
			}
			var pause <-chan time.Time
			if while > 0 {
				pause = time.After(while)
			}
			if err != nil && running.Err() == nil {
				if !trouble { // that it goes on is not news
					log.WarnContext(running, interrupted, "error", err)
				}
				pause = time.After(retryPause)
			}
			trouble = err != nil
			select {
			case <-running.Done():
				return
			case <-pause:
			case <-l.wake:
			}
		}
	}()
	return l
}

// notify tells that there is something to do.
func (l *loop) notify() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// stop ends the loop, with what it is at. When ctx ends first, stop returns its error.
func (l *loop) stop(ctx context.Context) error {
	l.cancel()
	select {
	case <-l.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
