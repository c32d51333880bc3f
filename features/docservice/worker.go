package docservice

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"portico.internal/platform/database"
)

const (
	// maxAttempts is how often reading a document is begun: one that ends this process must not do so for ever.
	maxAttempts = 3
	retryPause  = time.Second
)

const (
	isLost     unreadable = "The file of the document is missing"
	isHopeless unreadable = "The PDF could not be read"
)

// worker reads documents in the background, one after the other, oldest first. What waits for it is in the database,
// so nothing is lost when the process ends.
type worker struct {
	*Service
	inspector *inspector
	wake      chan struct{}
	cancel    context.CancelFunc
	done      chan struct{}
}

func startWorker(ctx context.Context, s *Service, i *inspector) (*worker, error) {
	if len(i.command) > 0 { // whatever ended the last process, it was not the content of a document
		if err := database.Write(ctx, s.db, func(tx *gorm.DB) error {
			return tx.Model(&document{}).Where("status = ?", statusProcessing).UpdateColumn("attempts", 0).Error
		}); err != nil {
			return nil, err
		}
	}
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	w := &worker{Service: s, inspector: i, wake: make(chan struct{}, 1), cancel: cancel, done: make(chan struct{})}
	go w.run(running)
	return w, nil
}

// notify tells that a document waits.
func (w *worker) notify() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

func (w *worker) stop(ctx context.Context) error {
	w.cancel()
	select {
	case <-w.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (w *worker) run(ctx context.Context) {
	defer close(w.done)
	for {
		d, err := w.claim(ctx)
		var pause <-chan time.Time
		switch {
		case err == nil && d != nil:
			if err = w.read(ctx, d); err == nil {
				continue
			}
			fallthrough
		case err != nil && ctx.Err() == nil:
			w.log.WarnContext(ctx, "reading documents is interrupted", "error", err)
			pause = time.After(retryPause)
		}
		select {
		case <-ctx.Done():
			return
		case <-pause:
		case <-w.wake:
		}
	}
}

// claim returns the document that has waited longest, nil when none waits, and counts the attempt.
func (w *worker) claim(ctx context.Context) (*document, error) {
	var d *document
	err := database.Write(ctx, w.db, func(tx *gorm.DB) error {
		var waiting []document
		if err := tx.Where("status = ?", statusProcessing).Order("created_at, id").Limit(1).
			Clauses(clause.Locking{Strength: "UPDATE"}).Find(&waiting).Error; err != nil {
			return err
		}
		if d = nil; len(waiting) == 0 {
			return nil
		}
		d = &waiting[0]
		return tx.Model(d).UpdateColumn("attempts", gorm.Expr("attempts + 1")).Error
	})
	return d, err
}

// read finds out what the document tells of itself and records it. Its error means that it should be tried again.
func (w *worker) read(ctx context.Context, d *document) error {
	found, err := w.inspect(ctx, d)
	var problem unreadable
	switch {
	case err == nil || errors.As(err, &problem):
	case ctx.Err() != nil: // stopping is not the document's fault
		return errors.Join(err, database.Write(context.WithoutCancel(ctx), w.db, func(tx *gorm.DB) error {
			return tx.Model(&document{}).Where("id = ?", d.ID).UpdateColumn("attempts", gorm.Expr("attempts - 1")).Error
		}))
	case d.Attempts+1 >= maxAttempts:
		problem = isHopeless
	default:
		return fmt.Errorf("document %s: %w", d.ID, err)
	}
	if err != nil {
		w.log.InfoContext(ctx, "document cannot be read", "document_id", d.ID, "error", err)
	}
	return w.finish(ctx, d.ID, found, problem)
}

func (w *worker) inspect(ctx context.Context, d *document) (facts, error) {
	if d.Attempts >= maxAttempts {
		return facts{}, isHopeless
	}
	file, err := w.files.open(d.ID)
	if errors.Is(err, os.ErrNotExist) {
		return facts{}, isLost
	}
	if err != nil {
		return facts{}, err
	}
	defer file.Close()
	return w.inspector.inspect(ctx, file)
}

// finish records the outcome, unless the document has been deleted meanwhile.
func (w *worker) finish(ctx context.Context, id string, found facts, problem unreadable) error {
	return database.Write(ctx, w.db, func(tx *gorm.DB) error {
		var d document
		err := tx.Where("id = ?", id).Clauses(clause.Locking{Strength: "UPDATE"}).Take(&d).Error
		if errors.Is(err, gorm.ErrRecordNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		values := map[string]any{"status": statusReady, "pages": found.Pages, "updated_at": tx.NowFunc()}
		if title := line(found.Title, maxTitle); title != "" && !d.TitleGiven {
			values["title"] = title
		}
		if problem != "" {
			values = map[string]any{"status": statusFailed, "error": string(problem), "updated_at": tx.NowFunc()}
		}
		return tx.Model(&d).Updates(values).Error
	})
}
