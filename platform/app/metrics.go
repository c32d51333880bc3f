package app

import (
	"net/http"
	"runtime"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"portico.internal/platform/web"
)

// newMetrics makes a registry of what is known of the process alone. docs/guides/observe.md lists all metrics.
func newMetrics() *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "portico_build_info", Help: "1, with what was built in the labels.",
			ConstLabels: prometheus.Labels{"version": Version(), "go": runtime.Version()},
		}, func() float64 { return 1 }),
	)
	return r
}

// measure adds what is known of the database.
func (g *gateway) measure() error {
	pool, err := g.db.DB()
	if err == nil {
		g.metrics.MustRegister(collectors.NewDBStatsCollector(pool, "portico"), g.feed)
	}
	return err
}

// door tells the requests of one door from those of the other.
func door(r prometheus.Registerer, name string) prometheus.Registerer {
	return prometheus.WrapRegistererWith(prometheus.Labels{"door": name}, r)
}

// metricsRoutes are for operators, who show the service token.
func metricsRoutes(metrics http.Handler) web.RouteSet {
	return web.RouteSet{Module: "app", Routes: []web.Route{
		web.Raw(http.MethodGet, "/metrics", web.User, func(w http.ResponseWriter, r *http.Request) error {
			metrics.ServeHTTP(w, r)
			return nil
		}, web.Media("text/plain"), web.Summary("Prometheus metrics")),
	}}
}
