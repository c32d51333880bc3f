package docproxy

import (
	"sync"
	"time"

	"portico.internal/platform/errs"
)

// maxShare is how many calls of one caller may be under way at once, a fifth of those of all: event streams and slow
// transfers may last, and one account must not have all the places.
const maxShare = 100

// shares counts the calls of each caller that are under way. The zero value is ready.
type shares struct {
	mu    sync.Mutex
	taken map[string]int
}

// take fails with errs.Unavailable when the caller has all of its share; otherwise leave must be called.
func (s *shares) take(caller string) (leave func(), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.taken[caller] == maxShare {
		return nil, errs.New(errs.Unavailable, "Too many requests of yours are under way").Retry(time.Second)
	}
	if s.taken == nil {
		s.taken = map[string]int{}
	}
	s.taken[caller]++
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.taken[caller]--; s.taken[caller] == 0 {
			delete(s.taken, caller)
		}
	}, nil
}
