package storage

import (
	"context"
	"errors"
	"time"

	"golang.org/x/sync/errgroup"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"portico.internal/platform/database"
)

const (
	sweepEvery  = 30 * time.Second
	sweepPage   = 100
	sweepers    = 8                // at once
	sweepPause  = time.Minute      // after which what could not be removed is tried again
	claimLimit  = 20 * time.Second // after which another sweeper takes what one has not come back to
	removeLimit = 15 * time.Second // for a page

	// resting is for how long a name is nobody's after its blob was removed. Whoever had it and was held up meanwhile,
	// a writer or one who removes, may still do something to it; that is to hit no other blob.
	resting = time.Hour
)

// discard makes trash of a blob that no other row names any more, in the transaction that sees to that.
func discard(tx *gorm.DB, t Trash) error {
	return tx.Clauses(clause.OnConflict{
		Columns:   []clause.Column{{Name: "backend_id"}, {Name: "name"}},
		DoUpdates: clause.Assignments(map[string]any{"due_at": t.DueAt, "removed_at": nil, "unfinished": gorm.Expr("storage_trash.unfinished OR excluded.unfinished")}),
	}).Create(&t).Error
}

// sweepSoon has due trash removed without waiting for it.
func (b *backends) sweepSoon() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// start begins to sweep, where files are kept here.
func (b *backends) start(ctx context.Context) error {
	if b.elsewhere {
		return nil
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	b.stopping = cancel
	b.sweeper.Go(func() { b.sweeping(ctx) })
	return nil
}

// sweeping removes trash until ctx ends.
func (b *backends) sweeping(ctx context.Context) {
	ticker := time.NewTicker(sweepEvery)
	defer ticker.Stop()
	for {
		if err := b.sweep(ctx); err != nil && ctx.Err() == nil {
			b.log.WarnContext(ctx, "storage sweep", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		case <-b.wake:
		}
	}
}

// sweep makes trash of uploads whose writers are gone, and removes all trash that is due.
func (b *backends) sweep(ctx context.Context) error {
	return errors.Join(b.expireUploads(ctx), b.removeTrash(ctx, ""))
}

// empty removes the trash at one backend that is due.
func (b *backends) empty(ctx context.Context, backendID string) error {
	return b.removeTrash(ctx, backendID)
}

func (b *backends) expireUploads(ctx context.Context) error {
	for {
		var rows []Upload
		err := b.db.WithContext(ctx).Where("lease_until < ?", b.db.NowFunc()).Order("lease_until").Limit(sweepPage).Find(&rows).Error
		if err != nil || len(rows) == 0 {
			return err
		}
		err = database.Write(ctx, b.db, func(tx *gorm.DB) error {
			for _, row := range rows {
				late := tx.Model(&Upload{}).Where("backend_id = ? AND name = ? AND version = ? AND lease_until = ?", row.BackendID, row.Name, row.Version, row.LeaseUntil)
				if err := expire(tx, late); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
}

// removeTrash removes what is due, each once. What cannot be removed is logged and stays.
func (b *backends) removeTrash(ctx context.Context, backendID string) error {
	for {
		rows, until, err := b.claimTrash(ctx, backendID)
		if err != nil || len(rows) == 0 {
			return err
		}
		removed, failed := b.removeBlobs(ctx, rows)
		if err := b.settleTrash(ctx, removed, failed, until); err != nil {
			return err
		}
	}
}

// claimTrash returns trash that is due and keeps other sweepers from it for a while.
func (b *backends) claimTrash(ctx context.Context, backendID string) (rows []Trash, until time.Time, err error) {
	err = database.Write(ctx, b.db, func(tx *gorm.DB) error {
		now := tx.NowFunc()
		until = now.Add(claimLimit)
		due := tx.Model(&Trash{}).Select("backend_id, name").Where("due_at <= ?", now).Order("due_at").Limit(sweepPage)
		if backendID != "" {
			due = due.Where("backend_id = ?", backendID)
		}
		rows = nil
		return tx.Model(&rows).Clauses(clause.Returning{}).Where("(backend_id, name) IN (?) AND due_at <= ?", due, now).Update("due_at", until).Error
	})
	return rows, until, err
}

// removeBlobs removes what it can within the limit.
func (b *backends) removeBlobs(ctx context.Context, rows []Trash) (removed, failed []Trash) {
	ctx, cancel := context.WithTimeout(ctx, removeLimit)
	defer cancel()
	problems := make([]error, len(rows))
	var group errgroup.Group
	group.SetLimit(sweepers)
	for i, row := range rows {
		group.Go(func() error {
			problems[i] = b.removeBlob(ctx, row)
			return nil
		})
	}
	_ = group.Wait()
	for i, row := range rows {
		if problems[i] == nil {
			removed = append(removed, row)
			continue
		}
		failed = append(failed, row)
		if !errors.Is(problems[i], context.Canceled) {
			b.log.WarnContext(ctx, "storage blob not removed", "backend", row.BackendID, "name", row.Name, "error", problems[i])
		}
	}
	return removed, failed
}

// settleTrash notes what became of the trash. Each blob is removed twice: when it is due, and when its name has rested,
// for what has come late.
func (b *backends) settleTrash(ctx context.Context, removed, failed []Trash, until time.Time) error {
	var first, last, again [][]any
	for _, row := range removed {
		if row.RemovedAt == nil {
			first = append(first, []any{row.BackendID, row.Name})
		} else {
			last = append(last, []any{row.BackendID, row.Name})
		}
	}
	for _, row := range failed {
		again = append(again, []any{row.BackendID, row.Name})
	}
	return database.Write(ctx, b.db, func(tx *gorm.DB) error {
		now := tx.NowFunc()
		change := func(rows [][]any, how func(*gorm.DB) *gorm.DB) error {
			if len(rows) == 0 {
				return nil
			}
			return how(tx.Model(&Trash{}).Where("(backend_id, name) IN ? AND due_at = ?", rows, until)).Error
		}
		return errors.Join(
			change(first, func(tx *gorm.DB) *gorm.DB {
				return tx.Updates(map[string]any{"removed_at": now, "due_at": now.Add(resting)})
			}),
			change(last, func(tx *gorm.DB) *gorm.DB { return tx.Delete(&Trash{}) }),
			change(again, func(tx *gorm.DB) *gorm.DB { return tx.Update("due_at", now.Add(sweepPause)) }),
		)
	})
}

func (b *backends) removeBlob(ctx context.Context, row Trash) error {
	at, err := b.get(ctx, row.BackendID)
	switch {
	case err != nil:
		return err
	case row.Unfinished:
		return at.purge(ctx, row.Name)
	}
	return at.remove(ctx, row.Name)
}
