package users

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/bcrypt"

	"portico.internal/platform/errs"
	"portico.internal/platform/web"
)

// Cost is bcrypt's cost factor. One hash takes about 0.4 s with it.
const Cost = 13

const (
	maxWaiting = 128              // calls that wait in line
	maxWait    = 30 * time.Second // of one call; two cores need about as long for so many
	retryAfter = 5 * time.Second
	maxCost    = 16 // of a stored hash; a higher one would keep a worker for minutes
)

// Hasher hashes passwords with bcrypt on a few workers of its own. They do not slow other requests: where threads have
// priorities there is a worker to each core and all of them give way, elsewhere there are fewer workers than cores;
// GOMAXPROCS is raised by their number, so that requests always find a thread to run on. Calls that find all workers
// busy wait in a short line, in which clients take turns (see [web.ClientNetwork]): however many hashes one of them asks
// for, another one waits for few of them. The workers start with the first call and end with Close.
type Hasher struct {
	cost    int
	dummy   string
	line    line
	wake    chan struct{} // workers, when the line gets longer
	stop    chan struct{}
	start   sync.Once
	end     sync.Once
	count   int
	workers sync.WaitGroup
	metrics hashMetrics
}

// NewHasher makes a Hasher. It panics when bcrypt does not know the cost.
func NewHasher(cost int) *Hasher {
	if cost < bcrypt.MinCost || cost > bcrypt.MaxCost {
		panic(fmt.Sprintf("bcrypt cost %d", cost))
	}
	return &Hasher{
		cost:  cost,
		dummy: fmt.Sprintf("$2b$%02d$", cost) + strings.Repeat(".", 22+31),
		wake:  make(chan struct{}, runtime.NumCPU()),
		stop:  make(chan struct{}),

		metrics: newHashMetrics(),
	}
}

// Close ends the workers once they have finished what they are at. Calls that wait, and all later ones, fail with
// errs.Unavailable.
func (h *Hasher) Close() {
	h.start.Do(func() {}) // none will start any more
	h.end.Do(func() {
		close(h.stop)
		h.workers.Wait()
		dismiss(h.count)
	})
}

func (h *Hasher) begin() {
	h.count = enlist()
	for range h.count {
		h.workers.Go(h.serve)
	}
}

// serve is a worker: a goroutine with a thread of its own, which ends with it, as its priority cannot be raised again.
func (h *Hasher) serve() {
	runtime.LockOSThread()
	if isMainThread() { // the system shows its priority as that of the whole process: keep it away and let another do the work
		h.workers.Go(h.serve)
		<-h.stop
		runtime.UnlockOSThread()
		return
	}
	giveWay()
	for {
		select {
		case <-h.wake:
		case <-h.stop:
			return
		}
		for w := h.line.next(); w != nil; w = h.line.next() {
			w.do()
			if h.stopped() {
				return
			}
		}
	}
}

func (h *Hasher) stopped() bool {
	select {
	case <-h.stop:
		return true
	default:
		return false
	}
}

// Hash returns the bcrypt hash of a password that has passed [CheckPassword]. It fails with errs.Unavailable when too
// many others wait, and as soon as ctx ends.
func (h *Hasher) Hash(ctx context.Context, password string) (string, error) {
	if !fitsBcrypt(password) {
		return "", errors.New("a password that bcrypt would cut short")
	}
	var hash []byte
	var err error
	if late := h.run(ctx, func() { hash, err = bcrypt.GenerateFromPassword([]byte(password), h.cost) }); late != nil {
		return "", late
	}
	return string(hash), err
}

// Verify says whether the hash ($2a$, $2b$ or $2y$) is of the password. A password of more than 72 bytes or with a NUL
// and a hash of any other kind match nothing, which takes as long to say. It fails as [Hasher.Hash] does.
func (h *Hasher) Verify(ctx context.Context, hash, password string) (bool, error) {
	able := fitsBcrypt(password) && isBcrypt(hash)
	if !able {
		hash, password = h.dummy, "-"
	}
	var err error
	if late := h.run(ctx, func() { err = bcrypt.CompareHashAndPassword([]byte(hash), []byte(password)) }); late != nil {
		return false, late
	}
	return err == nil && able, nil
}

// VerifyDummy takes the time of [Hasher.Verify], for accounts that there are not. It fails as [Hasher.Hash] does.
func (h *Hasher) VerifyDummy(ctx context.Context) error {
	_, err := h.Verify(ctx, "", "")
	return err
}

func isBcrypt(hash string) bool {
	if len(hash) != 60 || !strings.Contains("aby", hash[2:3]) {
		return false
	}
	cost, err := bcrypt.Cost([]byte(hash))
	return err == nil && cost <= maxCost
}

// run does f on a worker. It returns nil once f is done, else f may still be running and nobody may look at its results.
func (h *Hasher) run(ctx context.Context, f func()) (err error) {
	defer func() {
		if errs.KindOf(err) == errs.Unavailable {
			h.metrics.refused.Inc()
		}
	}()
	h.start.Do(h.begin)
	done := make(chan struct{})
	asked := time.Now()
	w := &waiter{
		client: web.ClientNetwork(ctx),
		do:     func() { defer close(done); h.metrics.measure(asked, f) },
		placed: make(chan bool, 1),
	}
	if h.stopped() || !h.line.join(w) {
		return busy(nil)
	}
	select {
	case h.wake <- struct{}{}:
	default: // enough of them are about to look
	}
	timer := time.NewTimer(maxWait)
	defer timer.Stop()
	select {
	case taken := <-w.placed:
		if !taken {
			return busy(nil)
		}
	case <-timer.C:
		err = busy(nil)
	case <-h.stop:
		err = busy(nil)
	case <-ctx.Done():
		err = gone(ctx)
	}
	if err != nil && (h.line.leave(w) || !<-w.placed) {
		return err
	}
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return gone(ctx)
	}
}

func busy(cause error) error {
	return errs.Wrap(errs.Unavailable, "Too many sign-ins at the moment", cause).Retry(retryAfter)
}

// gone tells a caller that left from one whose time is over.
func gone(ctx context.Context) error {
	if err := ctx.Err(); errors.Is(err, context.DeadlineExceeded) {
		return busy(err)
	}
	return errs.Wrap(errs.ClientClosed, "", ctx.Err())
}
