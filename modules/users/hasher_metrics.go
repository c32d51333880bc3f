package users

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// A Hasher tells Prometheus of its queue.
var _ prometheus.Collector = (*Hasher)(nil)

type hashMetrics struct {
	running prometheus.Gauge
	refused prometheus.Counter
	seconds *prometheus.HistogramVec
}

var hashesWaiting = prometheus.NewDesc("portico_password_hashes_waiting", "Passwords that wait for a worker to hash them.", nil, nil)

func newHashMetrics() hashMetrics {
	return hashMetrics{
		prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "portico_password_hashes_running",
			Help: "Passwords that are being hashed.",
		}),
		prometheus.NewCounter(prometheus.CounterOpts{
			Name: "portico_password_hashes_refused_total",
			Help: "Passwords that were not hashed, because too many waited or for too long.",
		}),
		prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "portico_password_hash_duration_seconds",
			Help:    "How long hashed passwords waited for a worker, and how long the work took.",
			Buckets: []float64{.01, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
		}, []string{"phase"}),
	}
}

// measure does the work that was asked for at that time.
func (m *hashMetrics) measure(asked time.Time, work func()) {
	m.running.Inc()
	defer m.running.Dec()
	begun := time.Now()
	m.seconds.WithLabelValues("wait").Observe(begun.Sub(asked).Seconds())
	work()
	m.seconds.WithLabelValues("work").Observe(time.Since(begun).Seconds())
}

// Describe implements [prometheus.Collector].
func (h *Hasher) Describe(out chan<- *prometheus.Desc) {
	out <- hashesWaiting
	h.metrics.running.Describe(out)
	h.metrics.refused.Describe(out)
	h.metrics.seconds.Describe(out)
}

// Collect implements [prometheus.Collector].
func (h *Hasher) Collect(out chan<- prometheus.Metric) {
	out <- prometheus.MustNewConstMetric(hashesWaiting, prometheus.GaugeValue, float64(h.line.len()))
	h.metrics.running.Collect(out)
	h.metrics.refused.Collect(out)
	h.metrics.seconds.Collect(out)
}
