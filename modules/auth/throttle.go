package auth

import (
	"container/list"
	"context"
	"crypto/sha256"
	"net/netip"
	"slices"
	"sync"
	"time"

	"portico.internal/platform/errs"
)

const (
	window        = time.Minute
	addressFactor = 10 // an address may fail this many times as often as one account from it

	maxBuckets = 1 << 15
	maxWaiting = 256
	maxWait    = 20 * time.Second
)

// throttle bounds failed logins: in any minute so many for an account from one address, and ten times as many from one
// address for all accounts. As the address is part of both, nobody can lock an owner out from elsewhere.
//
// An attempt takes its place before the password is looked at, so that a refused one costs no hash, and gives it back
// when it does not fail. While the places left are held by attempts still undecided, further ones wait for those rather
// than being refused: any number of right passwords at once is let in, and never more wrong ones than allowed.
type throttle struct {
	perAccount, perAddress int // 0 turns throttling off

	mu      sync.Mutex
	buckets map[bucketKey]*list.Element // of *bucket
	recent  *list.List                  // buckets, the last used first
	waiting int
}

// bucketKey is an account from an address; an address alone has the zero account.
type bucketKey struct {
	account [sha256.Size]byte
	address netip.Addr
}

type bucket struct {
	key      bucketKey
	limit    int
	failures []time.Time // of the last minute, oldest first
	pending  int
	next     *decision // the next end of an attempt
}

// decision is the end of an attempt, for those who wait for it.
type decision struct {
	made chan struct{} // closed when it is
	hung error
}

// attempt is one try to log in that was let through.
type attempt struct {
	throttle *throttle
	buckets  []*bucket
	hung     error // of a database that did not answer in time
}

func newThrottle(failuresPerMinute int) *throttle {
	return &throttle{
		perAccount: failuresPerMinute,
		perAddress: failuresPerMinute * addressFactor,
		buckets:    map[bucketKey]*list.Element{},
		recent:     list.New(),
	}
}

// begin lets an attempt pass, to be ended by [attempt.end]. It fails with errs.TooManyRequests, and after how long to try
// again, when there were too many failures, and with errs.Unavailable when too many attempts are waiting, or one has
// waited for too long, for others to be decided, or for one that has waited in vain for the database.
func (t *throttle) begin(ctx context.Context, account string, address netip.Addr) (*attempt, error) {
	if t.perAccount == 0 {
		return &attempt{throttle: t}, nil
	}
	address = network(address)
	ctx, cancel := context.WithTimeoutCause(ctx, maxWait, errBusy())
	defer cancel()
	t.mu.Lock()
	defer t.mu.Unlock()
	for {
		now := time.Now()
		buckets := []*bucket{
			t.bucket(bucketKey{sha256.Sum256([]byte(account)), address}, t.perAccount, now),
			t.bucket(bucketKey{address: address}, t.perAddress, now),
		}
		full := slices.IndexFunc(buckets, func(b *bucket) bool { return len(b.failures)+b.pending >= b.limit })
		if full < 0 {
			for _, b := range buckets {
				b.pending++
			}
			return &attempt{throttle: t, buckets: buckets}, nil
		}
		for _, b := range buckets {
			t.forgetIdle(b)
		}
		if after := retryAfter(buckets, now); after > 0 {
			return nil, errs.New(errs.TooManyRequests, "Too many failed logins, try again later").Retry(after)
		}
		if err := t.wait(ctx, buckets[full].next); err != nil {
			return nil, err
		}
	}
}

// wait lets go of the lock until the decision is made.
func (t *throttle) wait(ctx context.Context, next *decision) error {
	if t.waiting >= maxWaiting {
		return errBusy()
	}
	t.waiting++
	t.mu.Unlock()
	defer func() {
		t.mu.Lock()
		t.waiting--
	}()
	select {
	case <-next.made:
		return next.hung
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func errBusy() error {
	return errs.New(errs.Unavailable, "Too many logins at once, try again later").Retry(5 * time.Second)
}

// end decides the attempt: a failure counts for a minute from now. Those who wait for one that hung fail as it did: ten at
// a time they would wait in vain for ever longer.
func (a *attempt) end(failed bool) {
	a.throttle.mu.Lock()
	defer a.throttle.mu.Unlock()
	for _, b := range a.buckets {
		b.pending--
		if failed {
			b.failures = append(b.failures, time.Now())
		}
		b.next.hung = a.hung
		close(b.next.made)
		b.next = &decision{made: make(chan struct{})}
		a.throttle.forgetIdle(b)
	}
}

// bucket returns the bucket of the key, without failures that are over, and makes it the last used one.
func (t *throttle) bucket(key bucketKey, limit int, now time.Time) *bucket {
	if e, ok := t.buckets[key]; ok {
		b := e.Value.(*bucket)
		b.failures = slices.DeleteFunc(b.failures, func(at time.Time) bool { return now.Sub(at) >= window })
		t.recent.MoveToFront(e)
		return b
	}
	t.makeRoom()
	b := &bucket{key: key, limit: limit, next: &decision{made: make(chan struct{})}}
	t.buckets[key] = t.recent.PushFront(b)
	return b
}

// makeRoom forgets the bucket that was not used for longest. Only what costs a hash leaves a bucket behind, so those of
// one minute never fill the table: what goes is over. Attempts under way, of which there are few, keep theirs.
func (t *throttle) makeRoom() {
	if len(t.buckets) < maxBuckets {
		return
	}
	for e := t.recent.Back(); e != nil; e = e.Prev() {
		if b := e.Value.(*bucket); b.pending == 0 {
			t.forget(e)
			return
		}
	}
}

// forgetIdle drops a bucket that says nothing.
func (t *throttle) forgetIdle(b *bucket) {
	if e := t.buckets[b.key]; e != nil && b.pending == 0 && len(b.failures) == 0 {
		t.forget(e)
	}
}

func (t *throttle) forget(e *list.Element) {
	delete(t.buckets, t.recent.Remove(e).(*bucket).key)
}

// retryAfter is how long until none of the buckets is full of failures, 0 when none is.
func retryAfter(buckets []*bucket, now time.Time) time.Duration {
	var after time.Duration
	for _, b := range buckets {
		if n := len(b.failures); n >= b.limit {
			after = max(after, b.failures[n-b.limit].Add(window).Sub(now))
		}
	}
	return after
}

// network is what counts as one address: IPv4 as it is, of IPv6 the /64 that one subscriber has to choose from.
func network(a netip.Addr) netip.Addr {
	a = a.Unmap().WithZone("")
	if a.Is6() {
		return netip.PrefixFrom(a, 64).Masked().Addr()
	}
	return a
}
