package storage

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	"gorm.io/gorm"

	"portico.internal/platform/database"
)

// clean removes what lay at the source, and copies at the target whose objects were deleted or written anew. It is all
// in the trash: what cannot be removed now, the sweeper goes on with.
func (m *migration) clean(ctx context.Context) error {
	m.reached(ctx, "switched")
	if err := m.settle(ctx); err != nil {
		return err
	}
	m.reached(ctx, "settled")
	left, err := m.empty(ctx)
	if err != nil {
		return err
	}
	return m.finish(ctx, stateCompleted, "", func(tx *gorm.DB) error {
		if left == 0 {
			return nil
		}
		return m.record(tx, "", stageClean, fmt.Sprintf("%d files could not be removed yet; that is tried again and again", left))
	})
}

// settle makes an end of the receipts: the copies are objects now, and what is none is trash.
func (m *migration) settle(ctx context.Context) error {
	return m.write(database.Patience(ctx, switchPatience), func(tx *gorm.DB) error {
		err := tx.Exec(`INSERT INTO storage_trash (backend_id, name, due_at, unfinished) SELECT r.backend_id, r.name, ?, false
			FROM storage_receipts AS r WHERE r.backend_id = ?
			AND NOT EXISTS (SELECT 1 FROM storage_objects AS o WHERE o.backend_id = r.backend_id AND o.name = r.name)
			ON CONFLICT DO NOTHING`,
			tx.NowFunc(), m.job.TargetID).Error
		if err != nil {
			return err
		}
		return tx.Where("backend_id = ?", m.job.TargetID).Delete(&Receipt{}).Error
	})
}

// empty has the trash at both places removed, for as long as it becomes less at the source, and returns how much is left
// there: at the target people go on making more. Others remove it too.
func (m *migration) empty(ctx context.Context) (left int64, err error) {
	emptying, stop := context.WithCancel(ctx)
	var sweeper sync.WaitGroup
	sweeper.Go(func() {
		_ = pause(emptying, m.pace.grace) // until it is due, where the switch was a moment ago
		for emptying.Err() == nil {
			err := errors.Join(m.backends.empty(emptying, m.job.TargetID), m.backends.empty(emptying, m.job.SourceID))
			if err != nil && emptying.Err() == nil {
				m.log.WarnContext(ctx, "storage sweep", "error", err)
			}
			_ = pause(emptying, time.Second)
		}
	})
	defer sweeper.Wait()
	defer stop()
	look := leastLook
	for least, since := int64(math.MaxInt64), time.Now(); ; look = min(2*look, mostLook) {
		err := m.db.WithContext(ctx).Model(&Trash{}).Where("backend_id = ? AND removed_at IS NULL", m.job.SourceID).Count(&left).Error
		switch {
		case err != nil:
			return left, err
		case left < least:
			least, since = left, time.Now()
		case time.Since(since) > m.pace.stall:
			return left, nil
		}
		if left == 0 {
			return 0, nil
		}
		if err := pause(ctx, look); err != nil {
			return left, err
		}
	}
}

// Between two looks at how much trash is left.
const (
	leastLook = 5 * time.Millisecond
	mostLook  = 500 * time.Millisecond
)

// pause waits. It fails when ctx ends before.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}
