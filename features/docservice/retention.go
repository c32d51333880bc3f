package docservice

import (
	"context"
	"errors"
	"fmt"
	"time"
)

const (
	sweepEvery = time.Hour
	sweepBatch = 100
)

// startSweeper deletes documents that have become too old, now and every hour.
func startSweeper(ctx context.Context, s *Service) *loop {
	return startLoop(ctx, s.log, "deleting old documents is interrupted", sweepEvery, func(ctx context.Context) (bool, error) {
		return false, s.sweep(ctx)
	})
}

// sweep deletes the documents that are older than the settings let them become, in batches before each of which it looks
// at the settings again. A document that cannot be deleted waits for the next sweep and does not hold up the others.
func (s *Service) sweep(ctx context.Context) error {
	deleted, last := 0, ""
	var failed []error
	defer func() {
		if deleted > 0 {
			s.log.InfoContext(ctx, "old documents deleted", "documents", deleted)
		}
		if len(failed) > 0 {
			s.log.WarnContext(ctx, "old documents cannot be deleted", "documents", len(failed), "error", failed[0])
		}
	}()
	for {
		stored, err := s.settings.read(ctx)
		if err != nil || stored.RetentionDays == nil {
			return err
		}
		oldest := s.db.NowFunc().AddDate(0, 0, -*stored.RetentionDays)
		var ids []string
		err = s.db.WithContext(ctx).Model(&document{}).Where("created_at < ? AND id > ?", oldest, last).
			Order("id").Limit(sweepBatch).Pluck("id", &ids).Error
		if err != nil || len(ids) == 0 {
			return err
		}
		for _, id := range ids {
			last = id
			switch err := s.remove(ctx, itself, id); {
			case err == nil:
				deleted++
			case ctx.Err() != nil:
				return err
			case !errors.Is(err, errNoDocument):
				failed = append(failed, fmt.Errorf("document %s: %w", id, err))
			}
		}
	}
}
