package upstream

import (
	"testing"
	"time"

	"github.com/sony/gobreaker/v2"
	"github.com/stretchr/testify/require"
)

func tripped(t *testing.T) *breaker {
	t.Helper()
	b := newBreaker("svc")
	for range openAfter {
		report, err := b.begin()
		require.NoError(t, err)
		report(errSlow)
	}
	_, err := b.begin()
	require.ErrorIs(t, err, gobreaker.ErrOpenState)
	return b
}

// probe waits until the breaker lets a call through.
func probe(t *testing.T, b *breaker) (report func(error)) {
	t.Helper()
	require.Eventually(t, func() bool {
		var err error
		report, err = b.begin()
		return err == nil
	}, 10*(openFor+probeFor), 5*time.Millisecond)
	return report
}

func TestQuickProbeClosesTheBreaker(t *testing.T) {
	b := tripped(t)
	report := probe(t, b)
	_, err := b.begin()
	require.Error(t, err, "one at a time")
	report(nil)
	require.Equal(t, gobreaker.StateClosed, b.steps.State())
}

func TestProbeThatIsSlowOpensTheBreakerAgain(t *testing.T) {
	b := tripped(t)
	probe(t, b)(errSlow)
	require.Equal(t, gobreaker.StateOpen, b.steps.State())
}

func TestProbeWhoseClientLeftDecidesNothing(t *testing.T) {
	b := tripped(t)
	probe(t, b)(errUndecided)
	require.Equal(t, gobreaker.StateHalfOpen, b.steps.State())
	probe(t, b)(nil)
	require.Equal(t, gobreaker.StateClosed, b.steps.State())
}

func TestLongProbeMakesRoomAndStillCounts(t *testing.T) {
	b := tripped(t)
	first := probe(t, b)
	second := probe(t, b) // while the first, a long upload, is at work
	third := probe(t, b)
	first(nil)
	require.Equal(t, gobreaker.StateHalfOpen, b.steps.State(), "the third is at work")
	third(errUndecided)
	second(nil)
	require.Equal(t, gobreaker.StateClosed, b.steps.State())

	b = tripped(t)
	first = probe(t, b)
	probe(t, b)(errUndecided)
	first(errSlow)
	require.Equal(t, gobreaker.StateOpen, b.steps.State())
}
