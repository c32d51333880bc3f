package users

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/bcrypt"

	"portico.internal/platform/errs"
)

// Cost is bcrypt's cost factor. One hash takes about 0.4 s with it.
const Cost = 13

const (
	maxWaiting = 96               // calls that wait for a worker
	maxWait    = 20 * time.Second // of one call, about the time that as many hashes take on two cores
	retryAfter = 5 * time.Second
)

// Hasher hashes passwords with bcrypt on a few workers of its own. They do not slow other requests: where the system
// has thread priorities there is one worker to each core and all of them give way, and the Go scheduler has so many
// more threads to run requests on; elsewhere there are fewer workers than cores. What finds all of them busy waits in
// a short queue, in order. A Hasher must be closed.
type Hasher struct {
	cost    int
	dummy   string
	work    chan func() // unbuffered: who waits to send is the queue
	waiting atomic.Int32
	stop    chan struct{}
	workers sync.WaitGroup
	raised  int // how many threads the scheduler was given for the workers
}

// NewHasher starts the workers. It panics when bcrypt does not know the cost.
func NewHasher(cost int) *Hasher {
	if cost < bcrypt.MinCost || cost > bcrypt.MaxCost {
		panic(fmt.Sprintf("bcrypt cost %d", cost))
	}
	h := &Hasher{
		cost:  cost,
		dummy: fmt.Sprintf("$2b$%02d$", cost) + strings.Repeat(".", 22+31),
		work:  make(chan func()),
		stop:  make(chan struct{}),
	}
	cores := runtime.NumCPU()
	politely := make(chan bool)
	for range cores {
		h.workers.Go(func() { h.serve(politely) })
	}
	polite := 0
	for range cores {
		if <-politely {
			polite++
		}
	}
	if polite < cores {
		slog.Warn("password hashing cannot lower its priority, it uses fewer cores instead", "cores", cores)
	}
	h.raised = polite
	raiseProcs(polite)
	// A worker that cannot give way is worse than none, but for the last one.
	for range min(cores-polite, cores-1) {
		h.work <- runtime.Goexit
	}
	return h
}

// serve is a worker: a goroutine with a thread of its own, which ends with it, as its priority cannot be raised again.
func (h *Hasher) serve(politely chan<- bool) {
	runtime.LockOSThread()
	politely <- giveWay() == nil
	for {
		select {
		case do := <-h.work:
			do()
		case <-h.stop:
			return
		}
	}
}

// Close ends the workers once they have finished what they are at. Calls that wait fail with errs.Unavailable.
func (h *Hasher) Close() {
	close(h.stop)
	h.workers.Wait()
	raiseProcs(-h.raised)
}

var procs sync.Mutex

func raiseProcs(n int) {
	procs.Lock()
	defer procs.Unlock()
	if n != 0 {
		runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + n)
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
	return err == nil && cost <= 2*Cost
}

// run does f on a worker. It returns nil once f is done, else f may still be running and nobody may look at its results.
func (h *Hasher) run(ctx context.Context, f func()) error {
	if h.waiting.Add(1) > maxWaiting {
		h.waiting.Add(-1)
		return busy(nil)
	}
	done := make(chan struct{})
	timer := time.NewTimer(maxWait)
	defer timer.Stop()
	var err error
	select {
	case h.work <- func() { defer close(done); f() }:
	case <-timer.C:
		err = busy(nil)
	case <-h.stop:
		err = busy(nil)
	case <-ctx.Done():
		err = gone(ctx)
	}
	h.waiting.Add(-1)
	if err != nil {
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
