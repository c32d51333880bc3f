package users

import (
	"cmp"
	"net/netip"
	"slices"
	"sync"
)

// line is where calls wait for a worker, in turns of which each takes one call of every client. When it is full, the last
// in it makes room for a call with an earlier turn, so that no crowd of one client's keeps others out.
type line struct {
	mu    sync.Mutex
	calls []*waiter // in the order of their coming, at most maxWaiting
	turn  int       // of the call that went last
}

// waiter is a hash to be made.
type waiter struct {
	client netip.Addr
	do     func()
	turn   int
	placed chan bool // whether a worker has taken it, or it had to make room
}

// join reports whether there is a place for the call.
func (l *line) join(w *waiter) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	w.turn = l.turn + 1
	for _, other := range l.calls {
		if other.client == w.client {
			w.turn = max(w.turn, other.turn+1)
		}
	}
	if len(l.calls) == maxWaiting {
		last := l.calls[0]
		for _, other := range l.calls {
			if other.turn >= last.turn { // of those with the same turn the last to come
				last = other
			}
		}
		if last.turn <= w.turn {
			return false
		}
		l.remove(last)
		last.placed <- false
	}
	l.calls = append(l.calls, w)
	return true
}

// next is the call whose turn it is, nil when nobody waits.
func (l *line) next() *waiter {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.calls) == 0 {
		return nil
	}
	w := slices.MinFunc(l.calls, byTurn)
	l.remove(w)
	l.turn = w.turn
	w.placed <- true
	return w
}

// leave reports whether the call was still waiting.
func (l *line) leave(w *waiter) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.remove(w)
}

func (l *line) len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.calls)
}

func (l *line) remove(w *waiter) bool {
	at := slices.Index(l.calls, w)
	if at < 0 {
		return false
	}
	l.calls = slices.Delete(l.calls, at, at+1)
	return true
}

func byTurn(a, b *waiter) int { return cmp.Compare(a.turn, b.turn) }
