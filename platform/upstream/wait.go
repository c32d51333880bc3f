package upstream

import (
	"context"
	"io"
	"sync"
	"time"
)

// wait bounds how long a service keeps us waiting: from the start to the head of its reply, less the time in which the
// client is the one who is slow. It covers a service that stops reading a body, for which the transport has no bound.
type wait struct {
	patience time.Duration

	mu      sync.Mutex
	timer   *time.Timer
	over    bool // the head is there, or the call has failed
	expired bool
	failed  error // of reading the body
}

func newWait(patience time.Duration, cancel context.CancelFunc) *wait {
	w := &wait{patience: patience}
	w.timer = time.AfterFunc(patience, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		if !w.over {
			w.expired = true
			cancel()
		}
	})
	return w
}

// end stops the clock and reports whether it had run out.
func (w *wait) end() bool {
	w.timer.Stop()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.over = true
	return w.expired
}

func (w *wait) pause() { w.timer.Stop() }

func (w *wait) resume(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil && err != io.EOF { //nolint:errorlint // io.EOF is never wrapped
		w.failed = err
	}
	if !w.over {
		w.timer.Reset(w.patience)
	}
}

func (w *wait) bodyError() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.failed
}

// sending is a request body on its way to the service. While it is being read we wait for the client.
// Close is not passed on: the body belongs to the server, which must not drain it on behalf of a failed call.
type sending struct {
	body io.Reader
	wait *wait
}

func (b *sending) Read(p []byte) (int, error) {
	b.wait.pause()
	n, err := b.body.Read(p)
	b.wait.resume(err)
	return n, err
}

func (b *sending) Close() error { return nil }
