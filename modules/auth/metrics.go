package auth

import (
	"github.com/prometheus/client_golang/prometheus"

	"portico.internal/platform/errs"
)

// attempts counts the tries to show a password, at a login and elsewhere, by what came of them.
type attempts struct{ *prometheus.CounterVec }

func newAttempts() *attempts {
	a := &attempts{prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "portico_password_attempts_total",
		Help: "Passwords shown at logins and changes: right, wrong, throttled after too many wrong ones, or not looked at because too many others waited or something broke (failed).",
	}, []string{"result"})}
	for _, result := range []string{"right", "wrong", "throttled", "failed"} {
		a.WithLabelValues(result) // so that a rate is there before the first
	}
	return a
}

func (a *attempts) count(right bool, err error) {
	result := "wrong"
	switch {
	case errs.KindOf(err) == errs.TooManyRequests:
		result = "throttled"
	case err != nil:
		result = "failed"
	case right:
		result = "right"
	}
	a.WithLabelValues(result).Inc()
}
