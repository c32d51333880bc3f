package upstream

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/sony/gobreaker/v2"
	"github.com/stretchr/testify/require"
)

func tripped(t *testing.T) *breaker {
	t.Helper()
	b := newBreaker("svc")
	for range openAfter {
		begin(t, b)(errSlow)
	}
	refused(t, b)
	time.Sleep(openFor - time.Millisecond)
	refused(t, b)
	time.Sleep(2 * time.Millisecond)
	return b
}

func begin(t *testing.T, b *breaker) (report func(error)) {
	t.Helper()
	report, err := b.begin()
	require.NoError(t, err)
	return report
}

func refused(t *testing.T, b *breaker) {
	t.Helper()
	_, err := b.begin()
	require.Error(t, err)
}

func TestBreaker(t *testing.T) {
	for name, run := range map[string]func(*testing.T, *breaker){
		"a quick probe closes it": func(t *testing.T, b *breaker) {
			report := begin(t, b)
			refused(t, b) // one at a time
			report(nil)
			require.Equal(t, gobreaker.StateClosed, b.steps.State())
		},
		"a slow probe opens it again": func(t *testing.T, b *breaker) {
			begin(t, b)(errSlow)
			refused(t, b)
			time.Sleep(openFor + 1)
			begin(t, b)(nil)
			require.Equal(t, gobreaker.StateClosed, b.steps.State())
		},
		"a probe whose client left decides nothing": func(t *testing.T, b *breaker) {
			begin(t, b)(errUndecided)
			require.Equal(t, gobreaker.StateHalfOpen, b.steps.State())
			begin(t, b)(nil)
			require.Equal(t, gobreaker.StateClosed, b.steps.State())
		},
		"a long probe makes room for the next": func(t *testing.T, b *breaker) {
			long := begin(t, b) // such as an upload
			refused(t, b)
			time.Sleep(probeFor + 1)
			begin(t, b)(nil)
			require.Equal(t, gobreaker.StateClosed, b.steps.State())
			long(nil)
		},
		"a long probe that succeeds closes it": func(t *testing.T, b *breaker) {
			long := begin(t, b)
			time.Sleep(probeFor + 1)
			synctest.Wait()
			require.Equal(t, gobreaker.StateHalfOpen, b.steps.State())
			long(nil)
			require.Equal(t, gobreaker.StateClosed, b.steps.State())
		},
		"a long probe that was too slow opens it again": func(t *testing.T, b *breaker) {
			long := begin(t, b)
			time.Sleep(probeFor + 1)
			synctest.Wait()
			long(errSlow)
			require.Equal(t, gobreaker.StateOpen, b.steps.State())
		},
	} {
		t.Run(name, func(t *testing.T) { synctest.Test(t, func(t *testing.T) { run(t, tripped(t)) }) })
	}
}

func TestBreakerCountsOnlyWhatComesInARow(t *testing.T) {
	b := newBreaker("svc")
	for range 3 * openAfter {
		for range openAfter - 1 {
			begin(t, b)(errSlow)
		}
		begin(t, b)(nil)
	}
	require.Equal(t, gobreaker.StateClosed, b.steps.State())
}
