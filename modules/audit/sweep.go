package audit

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"go.uber.org/fx"
	"gorm.io/gorm"

	"portico.internal/platform/database"
)

const (
	sweepEvery = time.Hour
	batch      = 500 // entries that one transaction deletes
)

// sweeper deletes entries that are older than they are kept. Any number of replicas may: what one is at the others leave.
type sweeper struct {
	db       *gorm.DB
	log      *slog.Logger
	days     int
	stopping context.CancelFunc
	running  sync.WaitGroup
}

func newSweeper(life fx.Lifecycle, db *gorm.DB, log *slog.Logger, c Config) *sweeper {
	s := &sweeper{db: db, log: log, days: c.RetentionDays}
	life.Append(fx.StopHook(s.stop))
	return s
}

func (s *sweeper) start(ctx context.Context) error {
	if s.days == 0 {
		return nil
	}
	ctx, s.stopping = context.WithCancel(context.WithoutCancel(ctx))
	s.running.Go(func() { s.run(ctx) })
	return nil
}

func (s *sweeper) stop() {
	if s.stopping != nil {
		s.stopping()
		s.running.Wait()
	}
}

func (s *sweeper) run(ctx context.Context) {
	ticker := time.NewTicker(sweepEvery)
	defer ticker.Stop()
	for {
		gone, err := s.sweep(ctx)
		switch {
		case err != nil && ctx.Err() == nil:
			s.log.WarnContext(ctx, "audit sweep", "error", err)
		case gone > 0:
			s.log.InfoContext(ctx, "audit sweep", "entries", gone, "older_than_days", s.days)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

const deleteOld = `DELETE FROM audit_entries WHERE id IN (SELECT id FROM audit_entries WHERE id < ? ORDER BY id LIMIT ?`

// sweep deletes what is too old, a batch at a time, and returns how much that was.
func (s *sweeper) sweep(ctx context.Context) (gone int64, err error) {
	statement := deleteOld
	if database.IsPostgres(s.db) {
		statement += " FOR UPDATE SKIP LOCKED"
	}
	oldest := firstID(s.db.NowFunc().AddDate(0, 0, -s.days))
	for {
		var deleted int64
		err := database.Write(ctx, s.db, func(tx *gorm.DB) error {
			result := tx.Exec(statement+")", oldest, batch)
			deleted = result.RowsAffected
			return result.Error
		})
		if gone += deleted; err != nil || deleted < batch {
			return gone, err
		}
	}
}
