package storage

import (
	"context"
	"errors"
	"time"

	"gorm.io/gorm"

	"portico.internal/platform/audit"
	"portico.internal/platform/errs"
	"portico.internal/platform/identity"
	"portico.internal/platform/web"
)

// The states of a migration. It runs in the first five, of which cancelling leads to cancelled alone.
const (
	stateCopying    = "copying"
	stateVerifying  = "verifying"
	stateSwitching  = "switching"
	stateCleaning   = "cleaning" // it has switched, and what lay at the old place is removed
	stateCancelling = "cancelling"

	stateCompleted = "completed"
	stateFailed    = "failed"
	stateCancelled = "cancelled"

	stateIdle = "idle" // there has never been one
)

// beforeSwitch are the states in which a migration can still be cancelled.
var beforeSwitch = []string{stateCopying, stateVerifying, stateSwitching}

// Status is a migration as it is shown.
type Status struct {
	State           string       `json:"state" enum:"idle,copying,verifying,switching,cleaning,completed,failed,cancelling,cancelled"`
	Total           int64        `json:"total" doc:"Objects"`
	Done            int64        `json:"done" doc:"Of them, those that the present state is through with: copied, verified"`
	Failed          int64        `json:"failed" doc:"Of them, those that could not be moved"`
	Errors          []StatusItem `json:"errors" doc:"At most 100"`
	ErrorsTruncated bool         `json:"errors_truncated" doc:"There are more"`
	BytesTotal      int64        `json:"bytes_total"`
	BytesDone       int64        `json:"bytes_done"`
	StartedAt       *time.Time   `json:"started_at"`
	FinishedAt      *time.Time   `json:"finished_at"`
}

// StatusItem says what went wrong with one object, or with the migration where the key is empty.
type StatusItem struct {
	Key     string `json:"key"`
	Stage   string `json:"stage" enum:"read,write,verify,switch,clean"`
	Message string `json:"message"`
}

// The stages at which something can go wrong.
const (
	stageRead   = "read"   // from the source
	stageWrite  = "write"  // to the target
	stageVerify = "verify" // reading the target back
	stageSwitch = "switch"
	stageClean  = "clean" // removing what lay at the source
)

// maxErrors is how many errors a status shows.
const maxErrors = 100

// latest returns the migration that runs, else the last one, else nil.
func latest(db *gorm.DB) (*Job, error) {
	var jobs []Job
	err := db.Order("running IS NULL, started_at DESC, id").Limit(1).Find(&jobs).Error
	if err != nil || len(jobs) == 0 {
		return nil, err
	}
	return &jobs[0], nil
}

// status tells how the latest migration goes on.
func (e *engine) status(ctx context.Context) (*Status, error) {
	j, err := latest(e.db.WithContext(ctx))
	if err != nil {
		return nil, err
	}
	if j == nil {
		return &Status{State: stateIdle, Errors: []StatusItem{}}, nil
	}
	return e.statusOf(ctx, j)
}

func (e *engine) statusOf(ctx context.Context, j *Job) (*Status, error) {
	s := &Status{
		State: j.State, Total: j.Total, Done: j.Done, Failed: j.Failed, Errors: []StatusItem{},
		BytesTotal: j.BytesTotal, BytesDone: j.BytesDone, StartedAt: &j.StartedAt, FinishedAt: j.FinishedAt,
	}
	err := e.db.WithContext(ctx).Model(&JobError{}).Where("job_id = ?", j.ID).Order("at, key").Limit(maxErrors + 1).Scan(&s.Errors).Error
	if len(s.Errors) > maxErrors {
		s.Errors, s.ErrorsTruncated = s.Errors[:maxErrors], true
	}
	return s, err
}

// cancel ends the running migration before it switches; the old place stays. Saying it twice is no error. It fails with
// errs.NotFound where none runs, and with errs.Conflict once it has switched.
func (e *engine) cancel(ctx context.Context) (*Status, error) {
	j, err := running(e.db.WithContext(ctx))
	if err != nil {
		return nil, err
	}
	if j == nil {
		return nil, errNoneRuns()
	}
	won := false
	err = e.feed.Write(ctx, topic, j.ID, func(tx *gorm.DB) error {
		stopped := tx.Model(&Job{}).Where("id = ? AND running = 1 AND state IN ?", j.ID, beforeSwitch).
			Updates(map[string]any{"state": stateCancelling, "updated_at": tx.NowFunc()})
		won = stopped.RowsAffected == 1
		if err := errors.Join(stopped.Error, tx.Where("id = ?", j.ID).Take(j).Error); err != nil || !won {
			return err
		}
		return e.audit.Record(ctx, tx, audit.Event{Action: "storage.migration_cancel_requested", Target: j.target()})
	})
	switch {
	case err != nil:
		return nil, err
	case won:
		e.log.InfoContext(ctx, "storage migration", "job", j.ID, "actor", actor(ctx), "address", web.ClientAddr(ctx), "state", stateCancelling)
	case j.Running == nil:
		return nil, errNoneRuns()
	case j.State != stateCancelling:
		return nil, errs.New(errs.Conflict, "The migration has switched already; it cannot be cancelled any more")
	}
	return e.statusOf(ctx, j)
}

func errNoneRuns() error { return errs.New(errs.NotFound, "No migration is running") }

// running returns the migration that runs, nil where none does.
func running(db *gorm.DB) (*Job, error) {
	var jobs []Job
	err := db.Where("running = 1").Find(&jobs).Error
	if err != nil || len(jobs) == 0 {
		return nil, err
	}
	return &jobs[0], nil
}

// target is a migration as the audit log names it.
func (j *Job) target() audit.Target { return audit.Target{Type: "migration", ID: j.ID} }

// actor is who asks: the id of a user, empty on the command line.
func actor(ctx context.Context) string {
	if caller := identity.From(ctx); caller != nil {
		return caller.ID
	}
	return ""
}
