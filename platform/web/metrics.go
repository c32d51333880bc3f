package web

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// requestMetrics counts requests by the template of their path, never by the path itself: what clients send must not
// decide how many series there are.
type requestMetrics struct {
	inFlight  prometheus.Gauge
	seconds   *prometheus.HistogramVec
	responses *prometheus.CounterVec
}

func newRequestMetrics(reg prometheus.Registerer) *requestMetrics {
	if reg == nil {
		return nil
	}
	m := &requestMetrics{
		prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "portico_http_requests_in_flight",
			Help: "Requests at work.",
		}),
		prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "portico_http_request_duration_seconds",
			Help:    "Time from the first byte of the request to the last of the reply, by route and class of the status.",
			Buckets: []float64{.001, .005, .01, .05, .1, .5, 1, 5, 30},
		}, []string{"module", "method", "route", "status"}),
		prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "portico_http_responses_total",
			Help: "Replies by module and status; 499 is a client that left, 0 a connection that was cut before there was one.",
		}, []string{"module", "code"}),
	}
	reg.MustRegister(m.inFlight, m.seconds, m.responses)
	return m
}

// begin counts a request until end is called.
func (m *requestMetrics) begin() {
	if m != nil {
		m.inFlight.Inc()
	}
}

// unknown stands for all that clients make up.
const unknown = "unknown"

func (m *requestMetrics) end(x *exchange, status int, took time.Duration) {
	if m == nil {
		return
	}
	m.inFlight.Dec()
	module, route := unknown, unknown
	if x.endpoint != nil {
		module, route = x.endpoint.module(x.method), x.endpoint.path
	}
	m.seconds.WithLabelValues(module, x.knownMethod(), route, strconv.Itoa(status/100)+"xx").Observe(took.Seconds())
	m.responses.WithLabelValues(module, strconv.Itoa(status)).Inc()
}
