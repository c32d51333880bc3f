package upstream

import (
	"errors"
	"sync"
	"time"

	"github.com/sony/gobreaker/v2"
)

const (
	openAfter = 5               // calls in a row that were too slow
	openFor   = 2 * time.Second // then nobody is let through
	probeFor  = time.Second     // then one call at a time, each for so long, until one succeeds
)

var (
	errSlow      = errors.New("too slow")
	errUndecided = errors.New("not known yet")
)

// breaker keeps calls away from a service that lets them hang. What fails at once (refused, reset) costs nobody
// anything and does not count, nor does the service's own 5xx or a client that leaves. It closes again by itself.
type breaker struct {
	steps *gobreaker.TwoStepCircuitBreaker[struct{}]
}

func newBreaker(name string) *breaker {
	return &breaker{gobreaker.NewTwoStepCircuitBreaker[struct{}](gobreaker.Settings{
		Name:        name,
		MaxRequests: 1,
		Timeout:     openFor,
		ReadyToTrip: func(c gobreaker.Counts) bool { return c.ConsecutiveFailures >= openAfter },
		IsExcluded:  func(err error) bool { return errors.Is(err, errUndecided) },
	})}
}

// begin lets a call through or fails. report must be called once, with nil, errSlow or errUndecided.
// A probe that takes its time, such as a long upload, makes room for the next one; its outcome counts all the same.
func (b *breaker) begin() (report func(error), err error) {
	done, err := b.steps.Allow()
	if err != nil || b.steps.State() == gobreaker.StateClosed {
		return done, err
	}
	var once sync.Once
	timer := time.AfterFunc(probeFor, func() { once.Do(func() { done(errUndecided) }) })
	return func(outcome error) {
		timer.Stop()
		decided := false
		once.Do(func() { decided = true; done(outcome) })
		if decided {
			return
		}
		if done, err := b.steps.Allow(); err == nil {
			done(outcome)
		}
	}, nil
}

// open tells whether calls are kept away, some of them at least.
func (b *breaker) open() bool { return b.steps.State() != gobreaker.StateClosed }
