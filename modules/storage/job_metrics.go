package storage

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// An engine tells Prometheus of the migration that runs, or of the last one, as the database has it: every replica says
// the same. While the database does not answer it says nothing.
var _ prometheus.Collector = (*engine)(nil)

var (
	migrationState    = prometheus.NewDesc("portico_storage_migration_state", "1 for the state of the migration that runs, or of the last one; idle when there was none.", []string{"state"}, nil)
	migrationObjects  = prometheus.NewDesc("portico_storage_migration_objects", "Objects of the migration: in total, done in its present state, and those that could not be moved.", []string{"kind"}, nil)
	migrationBytes    = prometheus.NewDesc("portico_storage_migration_bytes", "Bytes of the migration: in total, and done in its present state.", []string{"kind"}, nil)
	migrationStarted  = prometheus.NewDesc("portico_storage_migration_started_timestamp_seconds", "When it was started.", nil, nil)
	migrationFinished = prometheus.NewDesc("portico_storage_migration_finished_timestamp_seconds", "When it ended; missing while it runs.", nil, nil)
)

var states = []string{
	stateIdle, stateCopying, stateVerifying, stateSwitching, stateCleaning, stateCancelling, stateCompleted, stateFailed, stateCancelled,
}

// scrapePatience is for how long metrics wait for the database.
const scrapePatience = time.Second

// Describe implements [prometheus.Collector].
func (e *engine) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{migrationState, migrationObjects, migrationBytes, migrationStarted, migrationFinished} {
		out <- d
	}
}

// Collect implements [prometheus.Collector].
func (e *engine) Collect(out chan<- prometheus.Metric) {
	if e.backends.elsewhere {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), scrapePatience)
	defer cancel()
	j, err := latest(e.db.WithContext(ctx))
	if err != nil {
		return
	}
	if j == nil {
		j = &Job{State: stateIdle}
	}
	gauge := func(d *prometheus.Desc, value float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	for _, state := range states {
		is := 0.0
		if state == j.State {
			is = 1
		}
		gauge(migrationState, is, state)
	}
	gauge(migrationObjects, float64(j.Total), "total")
	gauge(migrationObjects, float64(j.Done), "done")
	gauge(migrationObjects, float64(j.Failed), "failed")
	gauge(migrationBytes, float64(j.BytesTotal), "total")
	gauge(migrationBytes, float64(j.BytesDone), "done")
	if !j.StartedAt.IsZero() {
		gauge(migrationStarted, float64(j.StartedAt.Unix()))
	}
	if j.FinishedAt != nil {
		gauge(migrationFinished, float64(j.FinishedAt.Unix()))
	}
}
