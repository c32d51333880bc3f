package docservice

import (
	"context"
	"errors"
	"io"
	"time"
)

// watch ends what stands still.
type watch struct {
	timer *time.Timer
	stall time.Duration
	end   context.CancelFunc
}

func (s *objectStore) watched(ctx context.Context) (context.Context, *watch) {
	ctx, cancel := context.WithCancelCause(ctx)
	stalled := func() { cancel(errors.New("nothing has moved for too long")) }
	return ctx, &watch{time.AfterFunc(s.stall, stalled), s.stall, func() { cancel(nil) }}
}

func (w *watch) stop() {
	w.timer.Stop()
	w.end()
}

// movingReader tells the watch that something moves.
type movingReader struct {
	io.Reader
	watch *watch
}

func (r *movingReader) Read(p []byte) (int, error) {
	r.watch.timer.Reset(r.watch.stall)
	return r.Reader.Read(p)
}

// objectBody is the content of a reply. A reply that breaks off fails like one that does not come.
type objectBody struct {
	movingReader
	body io.Closer
}

func (b *objectBody) Read(p []byte) (int, error) {
	n, err := b.movingReader.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = noStorage(err)
	}
	return n, err
}

func (b *objectBody) Close() error {
	b.watch.stop()
	return b.body.Close()
}
