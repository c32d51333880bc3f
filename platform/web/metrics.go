package web

import (
	"slices"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// requestMetrics counts requests by the template of their path, never by the path itself: what clients send must not
// decide how many series there are.
type requestMetrics struct {
	seconds *prometheus.HistogramVec
}

func newRequestMetrics(reg prometheus.Registerer) *requestMetrics {
	if reg == nil {
		return nil
	}
	m := &requestMetrics{prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "portico_http_request_duration_seconds",
		Help:    "Time from the first byte of the request to the last of the reply.",
		Buckets: []float64{.001, .005, .01, .05, .1, .5, 1, 5, 30},
	}, []string{"method", "route", "status"})}
	reg.MustRegister(m.seconds)
	return m
}

func (m *requestMetrics) observe(method, route string, status int, took time.Duration) {
	if m == nil {
		return
	}
	if route == "" {
		route = "unknown"
	}
	if !slices.Contains(declarable, method) {
		method = "other"
	}
	m.seconds.WithLabelValues(method, route, strconv.Itoa(status)).Observe(took.Seconds())
}
