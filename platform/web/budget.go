package web

import (
	"context"
	"io"
	"time"

	"golang.org/x/sync/semaphore"

	"portico.internal/platform/errs"
)

const (
	smallBody   = 16 << 10    // bytes; as good as every body is smaller
	heldBytes   = 32 << 20    // of large bodies that are being read
	parsedBytes = MaxJSONBody // of bodies being parsed, of each size

	parseWait = 5 * time.Second
)

// budget bounds the memory that the bodies of all requests take together, whoever sends them. Parsed, a body can take
// forty times its bytes, so few are parsed at once; the small ones apart, for they need not wait for the large.
type budget struct{ held, small, large *semaphore.Weighted }

func newBudget() *budget {
	return &budget{semaphore.NewWeighted(heldBytes), semaphore.NewWeighted(parsedBytes), semaphore.NewWeighted(parsedBytes)}
}

// parsing takes a place for a body of n bytes. It fails with errs.Unavailable when there is none for a while.
func (b *budget) parsing(ctx context.Context, n int) (done func(), err error) {
	places, size := b.small, int64(n)
	if n > smallBody {
		places = b.large
	}
	if !places.TryAcquire(size) {
		waiting, cancel := context.WithTimeoutCause(ctx, parseWait, errCrowded())
		defer cancel()
		if places.Acquire(waiting, size) != nil {
			return nil, context.Cause(waiting)
		}
	}
	return func() { places.Release(size) }, nil
}

func errCrowded() error {
	return errs.New(errs.Unavailable, "Too many large requests at once, try again later").Retry(time.Second)
}

// held is a body that is paid for as it comes in, once it is a large one: what a client only announces costs nothing.
type held struct {
	io.Reader
	budget *semaphore.Weighted
	size   int64 // read so far
	paid   int64
}

// Read fails with errs.Unavailable when large bodies take all that there is.
func (h *held) Read(p []byte) (int, error) {
	n, err := h.Reader.Read(p)
	if h.size += int64(n); h.size > smallBody {
		if !h.budget.TryAcquire(h.size - h.paid) {
			return 0, errCrowded()
		}
		h.paid = h.size
	}
	return n, err
}

func (h *held) release() {
	h.budget.Release(h.paid)
	h.paid = 0
}
