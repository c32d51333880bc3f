package storage

import (
	"cmp"
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"
	"gorm.io/gorm"

	"portico.internal/platform/audit"
	"portico.internal/platform/database"
)

var (
	errCancelled = errors.New("the migration was cancelled")
	errLost      = errors.New("another process has taken the migration over")
)

// migration is one that this process works on, for as long as it holds the lease.
type migration struct {
	*engine
	job    Job
	counts counts
	misses atomic.Int32 // objects in a row that could not be moved

	memory    *semaphore.Weighted // bytes that copies may take at once
	exclusive *bool               // whether the target refuses to write what is there already; nil while that is not known

	mu       sync.Mutex
	flying   map[string]bool // names at the target that are taken for copies, and whether one has been begun
	extended time.Time       // the leases of those names
}

// counts are how far it is. Bytes are counted as they pass, objects when the database knows of them.
type counts struct {
	total, bytesTotal, done, bytesDone, failed atomic.Int64
}

// columns are the counts as they are stored. What is done may run ahead of what was there when it was counted.
func (c *counts) columns() map[string]any {
	total, bytes := c.total.Load(), c.bytesTotal.Load()
	return map[string]any{
		"total": total, "done": min(c.done.Load(), total), "failed": c.failed.Load(),
		"bytes_total": bytes, "bytes_done": max(0, min(c.bytesDone.Load(), bytes)),
	}
}

// claim takes the running migration where nobody else holds it. Else it says when to look again.
func (e *engine) claim(ctx context.Context) (m *migration, again time.Duration, err error) {
	j, err := running(e.db.WithContext(ctx))
	if err != nil || j == nil {
		return nil, e.pace.tick, err
	}
	now := e.db.NowFunc()
	if wait := e.mayTake(j).Sub(now); wait > 0 {
		return nil, min(e.pace.tick, wait+time.Millisecond), nil
	}
	taken := false
	err = database.Write(ctx, e.db, func(tx *gorm.DB) error {
		update := tx.Model(&Job{}).Where("id = ? AND running = 1", j.ID)
		if j.LeaseOwner == nil {
			update = update.Where("lease_owner IS NULL")
		} else {
			update = update.Where("lease_owner = ? AND lease_until = ?", j.LeaseOwner, j.LeaseUntil)
		}
		update = update.Updates(map[string]any{"lease_owner": e.owner, "lease_until": now.Add(e.pace.lease)})
		taken = update.RowsAffected == 1
		return errors.Join(update.Error, tx.Where("id = ?", j.ID).Take(j).Error)
	})
	if err != nil || !taken {
		return nil, e.pace.beat, err
	}
	return &migration{engine: e, job: *j, memory: semaphore.NewWeighted(copyMemory), flying: map[string]bool{}}, 0, nil
}

// mayTake is when this process may take a migration.
func (e *engine) mayTake(j *Job) time.Time {
	free := j.StartedAt
	switch {
	case j.LeaseOwner != nil && *j.LeaseOwner == e.owner:
		return free
	case j.LeaseUntil != nil:
		free = *j.LeaseUntil
	}
	return free.Add(e.pace.deference)
}

// write runs fn in a transaction in which this process holds the migration and nobody has cancelled it. Whoever takes it
// over or cancels it comes before or after.
func (m *migration) write(ctx context.Context, fn func(tx *gorm.DB) error) error {
	return database.Write(ctx, m.db, m.holding(fn))
}

func (m *migration) holding(fn func(tx *gorm.DB) error) func(tx *gorm.DB) error {
	return func(tx *gorm.DB) error {
		if err := m.renew(tx, map[string]any{}); err != nil {
			return err
		}
		return fn(tx)
	}
}

// renew extends the lease, with what else is to be stored. It fails with errLost or errCancelled where this process must
// not go on.
func (m *migration) renew(tx *gorm.DB, set map[string]any) error {
	now := tx.NowFunc()
	set["lease_until"], set["updated_at"] = now.Add(m.pace.lease), now
	mine := tx.Model(&Job{}).Where("id = ? AND running = 1 AND lease_owner = ? AND state <> ?", m.job.ID, m.owner, stateCancelling).Updates(set)
	if mine.Error != nil || mine.RowsAffected == 1 {
		return mine.Error
	}
	var j Job
	if err := tx.Where("id = ?", m.job.ID).Take(&j).Error; err != nil {
		return err
	}
	if j.State == stateCancelling && j.LeaseOwner != nil && *j.LeaseOwner == m.owner {
		return errCancelled
	}
	return errLost
}

// become goes on to another state, with what fn does in the same transaction, and tells everybody.
func (m *migration) become(ctx context.Context, state string, fn func(tx *gorm.DB) error) error {
	err := m.feed.Write(ctx, topic, "", m.holding(func(tx *gorm.DB) error {
		set := m.counts.columns()
		set["state"] = state
		if err := tx.Model(&Job{}).Where("id = ?", m.job.ID).Updates(set).Error; err != nil {
			return err
		}
		return fn(tx)
	}))
	if err == nil && m.job.State != state {
		m.job.State = state
		m.note(ctx, "state", state)
	}
	return err
}

func nothing(*gorm.DB) error { return nil }

// fail ends the migration. Its receipts stay, for the next one to the same place. One that has switched is complete all
// the same.
func (m *migration) fail(ctx context.Context, why *failure) error {
	state, stage, reason := stateFailed, why.stage, cmp.Or(why.message, "there are objects that could not be moved")
	if m.job.State == stateCleaning {
		state, stage, reason = stateCompleted, stageClean, ""
	}
	return m.finish(ctx, state, reason, func(tx *gorm.DB) error {
		if why.message == "" {
			return nil
		}
		return m.record(tx, "", stage, why.message)
	})
}

// finish ends the migration, with what fn does in the same transaction. The reason is that of a failure. It fails with
// errLost or errCancelled where this process may not.
func (m *migration) finish(ctx context.Context, state, reason string, fn func(tx *gorm.DB) error) error {
	from := map[string][]string{stateCompleted: {stateCleaning}, stateFailed: beforeSwitch, stateCancelled: {stateCancelling}}[state]
	set := m.counts.columns()
	set["state"], set["running"], set["lease_owner"], set["lease_until"] = state, nil, nil, nil
	err := m.feed.Write(ctx, topic, "", func(tx *gorm.DB) error {
		if state != stateCancelled {
			if err := m.renew(tx, map[string]any{}); err != nil {
				return err
			}
		}
		set["updated_at"], set["finished_at"] = tx.NowFunc(), tx.NowFunc()
		ended := tx.Model(&Job{}).Where("id = ? AND running = 1 AND lease_owner = ? AND state IN ?", m.job.ID, m.owner, from).Updates(set)
		if ended.Error == nil && ended.RowsAffected == 0 {
			return errLost
		}
		return errors.Join(ended.Error, thawed(tx), m.ground(tx), fn(tx), m.recordEnd(ctx, tx, state, reason))
	})
	if err == nil {
		m.note(ctx, "state", state, "done", m.counts.done.Load(), "failed", m.counts.failed.Load())
	}
	return err
}

// recordEnd leaves in the audit log how the migration has ended, and who had asked for it.
func (m *migration) recordEnd(ctx context.Context, tx *gorm.DB, state, reason string) error {
	told := map[string]any{"started_by": m.job.StartedBy, "started_by_email": m.job.StartedByEmail,
		"objects": m.counts.done.Load(), "failed": m.counts.failed.Load()}
	return m.audit.Record(audit.As(ctx, audit.Actor{Kind: audit.KindSystem}), tx, audit.Event{
		Action: "storage.migration_" + state, Target: m.job.target(), Changes: audit.Diff(nil, told), Failure: reason,
	})
}

// note logs a step with the user who has asked for the migration.
func (m *migration) note(ctx context.Context, more ...any) {
	actor := ""
	if m.job.StartedBy != nil {
		actor = *m.job.StartedBy
	}
	m.log.InfoContext(ctx, "storage migration", append([]any{"job", m.job.ID, "actor", actor}, more...)...)
}

// beat extends the lease and stores the progress until ctx ends. It ends the work through stop when that is not this
// process's any more.
func (m *migration) beat(ctx context.Context, stop context.CancelCauseFunc) {
	last := time.Now()
	ticker := time.NewTicker(m.pace.beat)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		case <-m.wake:
		}
		asked := time.Now()
		err := m.stillMine(ctx)
		switch {
		case err == nil:
			last = asked
		case errors.Is(err, errCancelled), errors.Is(err, errLost):
			stop(err)
			return
		case time.Since(last) > m.pace.lease:
			stop(errLost)
			return
		}
	}
}

func (m *migration) stillMine(ctx context.Context) error {
	return database.Write(ctx, m.db, func(tx *gorm.DB) error {
		if err := m.renew(tx, m.counts.columns()); err != nil {
			return err
		}
		return m.extend(tx)
	})
}

// extend keeps the names that are taken for copies from the sweeper.
func (m *migration) extend(tx *gorm.DB) error {
	fresh, begun := m.names()
	names := append(fresh, begun...)
	if len(names) == 0 || time.Since(m.extended) < uploadLease/4 {
		return nil
	}
	m.extended = time.Now()
	return tx.Model(&Upload{}).Where("backend_id = ? AND name IN ?", m.job.TargetID, names).
		Update("lease_until", tx.NowFunc().Add(uploadLease)).Error
}

// fly notes that a name is taken for a copy; land that it no longer is.
func (m *migration) fly(name string, begun bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.flying[name] = begun
}

func (m *migration) land(names ...string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, name := range names {
		delete(m.flying, name)
	}
}

// names are those for which no copy has been begun, and those for which one has.
func (m *migration) names() (fresh, begun []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for name, writing := range m.flying {
		if writing {
			begun = append(begun, name)
		} else {
			fresh = append(fresh, name)
		}
	}
	return fresh, begun
}

// ground gives back the names that are taken for copies which nobody makes any more.
func (m *migration) ground(tx *gorm.DB) error {
	fresh, begun := m.names()
	for _, name := range begun {
		if err := m.drop(tx, name); err != nil {
			return err
		}
	}
	if len(fresh) == 0 {
		return nil
	}
	return m.forget(tx, fresh...)
}
