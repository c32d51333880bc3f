// Package shutdown turns the signals that ask a process to end into the end of a context.
package shutdown

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// Context ends at the first SIGINT or SIGTERM. The default is back before anybody can see it end, so that a second
// signal ends a stop that takes too long. stop gives the signals free.
func Context() (ctx context.Context, stop context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		select {
		case <-signals:
			signal.Stop(signals)
			cancel()
		case <-ctx.Done():
			signal.Stop(signals)
		}
	}()
	return ctx, cancel
}
