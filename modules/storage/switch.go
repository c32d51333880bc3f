package storage

import (
	"context"
	"errors"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"portico.internal/platform/database"
)

var (
	// errLate says that the freeze has ended before all was copied.
	errLate = errors.New("writes could not wait any longer")
	// errLeft says that there is an object without a verified copy.
	errLeft = errors.New("not everything is copied")
)

// switchPatience bounds the transaction that switches: it has a row to change for each object.
const switchPatience = time.Minute

// switchOver makes the target the active backend: writes wait while the last objects are copied and verified, and then
// all of them move in one transaction, or none. It fails with errLate or errLeft where there was too much to do, and
// reports whether everything could be copied.
func (m *migration) switchOver(ctx context.Context) (bool, error) {
	if err := m.become(ctx, stateSwitching, nothing); err != nil {
		return false, err
	}
	until, err := m.freeze(ctx)
	if err != nil {
		return false, err
	}
	m.reached(ctx, "frozen")
	brief, cancel := context.WithDeadlineCause(ctx, until.Add(-m.pace.freeze/5), errLate)
	defer cancel()
	if fine, err := m.copy(brief); err != nil || !fine {
		return fine, late(brief, err)
	}
	if fine, err := m.verify(brief); err != nil || !fine {
		return fine, late(brief, err)
	}
	m.reached(ctx, "ready")
	return true, m.commit(ctx)
}

// late tells a freeze that is over from other failures.
func late(ctx context.Context, err error) error {
	if err != nil && errors.Is(context.Cause(ctx), errLate) {
		return errLate
	}
	return err
}

// freeze lets no object appear for a while. Whoever is about to make one appear does it before.
func (m *migration) freeze(ctx context.Context) (until time.Time, err error) {
	err = m.feed.Write(ctx, topic, stateKey, m.holding(func(tx *gorm.DB) error {
		until = tx.NowFunc().Add(m.pace.freeze)
		return tx.Model(&State{}).Where("id = 1").Updates(map[string]any{"frozen_until": until, "updated_at": tx.NowFunc()}).Error
	}))
	return until, err
}

// thaw ends the freeze before its time.
func (m *migration) thaw(ctx context.Context) error {
	return m.feed.Write(ctx, topic, stateKey, m.holding(thawed))
}

func thawed(tx *gorm.DB) error {
	return tx.Model(&State{}).Where("id = 1").Updates(map[string]any{"frozen_until": nil, "updated_at": tx.NowFunc()}).Error
}

// commit moves every object of the source to its verified copy. What lay at the source becomes trash.
func (m *migration) commit(ctx context.Context) error {
	return m.become(database.Patience(ctx, switchPatience), stateCleaning, m.move)
}

func (m *migration) move(tx *gorm.DB) error {
	var state State
	if err := tx.Clauses(clause.Locking{Strength: clause.LockingStrengthUpdate}).Where("id = 1").Take(&state).Error; err != nil {
		return err
	}
	if state.BackendID != m.job.SourceID {
		return &failure{stageSwitch, "Another storage has become the active one"}
	}
	lock := ""
	if database.IsPostgres(tx) {
		lock = "FOR UPDATE" // whoever deletes one of them does it before, or finds it at the target
	}
	now := tx.NowFunc()
	left := tx.Exec(`WITH moving AS (SELECT backend_id, name FROM storage_objects WHERE backend_id = ? `+lock+`)
		INSERT INTO storage_trash (backend_id, name, due_at, unfinished) SELECT backend_id, name, ?, false FROM moving`,
		m.job.SourceID, now.Add(m.pace.grace))
	if left.Error != nil {
		return left.Error
	}
	moved := tx.Exec(`UPDATE storage_objects AS o SET backend_id = r.backend_id, name = r.name FROM storage_receipts AS r
		WHERE o.backend_id = ? AND r.backend_id = ? AND r.version = o.version AND r.verified_by = ? AND r.sha256 = o.sha256 AND r.size = o.size`,
		m.job.SourceID, m.job.TargetID, m.job.ID)
	switch {
	case moved.Error != nil:
		return moved.Error
	case moved.RowsAffected != left.RowsAffected:
		return errLeft
	}
	return tx.Model(&State{}).Where("id = 1").Updates(map[string]any{
		"backend_id": m.job.TargetID, "epoch": state.Epoch + 1, "frozen_until": nil, "updated_at": now,
	}).Error
}
