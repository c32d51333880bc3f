package upstream

import (
	"net/http"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"portico.internal/platform/errs"
)

// A registry is what Prometheus is told of the calls: how many are at work, and how long the services took to begin
// their replies.
var _ prometheus.Collector = (*Registry)(nil)

var (
	inFlight    = prometheus.NewDesc("portico_upstream_in_flight", "Calls of the service at work.", []string{"service"}, nil)
	breakerOpen = prometheus.NewDesc("portico_upstream_breaker_open", "1 while the service is left alone, or tried one call at a time, because it was too slow many times in a row.", []string{"service"}, nil)
)

func newSeconds() *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "portico_upstream_duration_seconds",
		Help:    "Time until the reply of the service begins, by its status or how the call failed.",
		Buckets: []float64{.001, .005, .01, .05, .1, .5, 1, 5, 30},
	}, []string{"service", "outcome"})
}

// Describe implements [prometheus.Collector].
func (r *Registry) Describe(out chan<- *prometheus.Desc) {
	out <- inFlight
	out <- breakerOpen
	r.seconds.Describe(out)
}

// Collect implements [prometheus.Collector].
func (r *Registry) Collect(out chan<- prometheus.Metric) {
	for id, c := range r.clients {
		out <- prometheus.MustNewConstMetric(inFlight, prometheus.GaugeValue, float64(c.inFlight.Load()), id)
		open := 0.0
		if c.breaker.open() {
			open = 1
		}
		out <- prometheus.MustNewConstMetric(breakerOpen, prometheus.GaugeValue, open, id)
	}
	r.seconds.Collect(out)
}

// outcome is the class of the reply's status, or what became of the call instead.
func outcome(res *http.Response, err error) string {
	if err == nil {
		return strconv.Itoa(res.StatusCode/100) + "xx"
	}
	switch errs.KindOf(err) {
	case errs.BadGateway:
		return "failed"
	case errs.GatewayTimeout:
		return "slow"
	case errs.Unavailable:
		return "refused" // by us: too many at work, or the breaker is open
	default:
		return "left" // the client's doing
	}
}
