package users

import (
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"portico.internal/platform/errs"
)

// gathered are the values of a collector's gauges and counters by name, and the counts of its histograms by phase.
func gathered(t *testing.T, c prometheus.Collector) map[string]float64 {
	t.Helper()
	metrics := prometheus.NewPedanticRegistry()
	require.NoError(t, metrics.Register(c))
	families, err := metrics.Gather()
	require.NoError(t, err)
	values := map[string]float64{}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			name := family.GetName()
			for _, label := range m.GetLabel() {
				name += " " + label.GetValue()
			}
			values[name] = m.GetGauge().GetValue() + m.GetCounter().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	return values
}

// The queue is told while it is there: who works, who waits, and who was sent away.
func TestMetrics(t *testing.T) {
	h := newTestHasher(t)
	release := hold(t, h)
	done := make(chan error, maxWaiting)
	for range maxWaiting {
		go func() { done <- h.VerifyDummy(t.Context()) }()
	}
	require.Eventually(t, func() bool { return h.line.len() == maxWaiting }, 10*time.Second, time.Millisecond)
	for range 3 {
		require.Equal(t, errs.Unavailable, errs.KindOf(h.VerifyDummy(t.Context())))
	}
	during := gathered(t, h)
	workers := float64(h.count)
	require.Equal(t, map[string]float64{
		"portico_password_hashes_running": workers, "portico_password_hashes_waiting": maxWaiting, "portico_password_hashes_refused_total": 3,
		"portico_password_hash_duration_seconds wait": workers,
	}, during)
	release()
	for range maxWaiting {
		require.NoError(t, <-done)
	}
	require.Eventually(t, func() bool {
		return gathered(t, h)["portico_password_hash_duration_seconds work"] == workers+maxWaiting
	}, 10*time.Second, time.Millisecond)
	require.Zero(t, gathered(t, h)["portico_password_hashes_waiting"])
}
