package changes

import (
	"github.com/prometheus/client_golang/prometheus"

	"portico.internal/platform/database"
)

// A feed tells Prometheus whether it hears other replicas. On SQLite, where there are none, it says nothing.
var _ prometheus.Collector = (*Feed)(nil)

var listening = prometheus.NewDesc("portico_changes_listening", "1 while the changes that other replicas announce arrive; else they are noticed late.", nil, nil)

// Describe implements [prometheus.Collector].
func (f *Feed) Describe(out chan<- *prometheus.Desc) { out <- listening }

// Collect implements [prometheus.Collector].
func (f *Feed) Collect(out chan<- prometheus.Metric) {
	if !database.IsPostgres(f.db) {
		return
	}
	value := 0.0
	if f.hear.Load() {
		value = 1
	}
	out <- prometheus.MustNewConstMetric(listening, prometheus.GaugeValue, value)
}
