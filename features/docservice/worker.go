package docservice

import (
	"context"
	"errors"
	"fmt"
	"os"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"portico.internal/platform/database"
)

// maxAttempts is how often reading a document is begun: one that ends this process must not do so for ever.
const maxAttempts = 3

const (
	isLost     unreadable = "The file of the document is missing"
	isHopeless unreadable = "The PDF could not be read"
)

// worker reads documents in the background, one after the other, oldest first.
type worker struct {
	*Service
	*loop
	inspector *inspector
}

func startWorker(ctx context.Context, s *Service, i *inspector) (*worker, error) {
	if len(i.command) > 0 { // whatever ended the last process, it was not the content of a document
		if err := database.Write(ctx, s.db, func(tx *gorm.DB) error {
			return tx.Model(&document{}).Where("status = ?", statusProcessing).UpdateColumn("attempts", 0).Error
		}); err != nil {
			return nil, err
		}
	}
	w := &worker{Service: s, inspector: i}
	w.loop = startLoop(ctx, s.log, "reading documents is interrupted", 0, w.next)
	return w, nil
}

// next reads the document that has waited longest.
func (w *worker) next(ctx context.Context) (more bool, err error) {
	d, err := w.claim(ctx)
	if err != nil || d == nil {
		return false, err
	}
	return true, w.read(ctx, d)
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
	if err := w.finish(ctx, d.ID, found, problem); err != nil {
		return err
	}
	w.classifier.notify()
	return nil
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
		values := map[string]any{"status": statusReady, "pages": found.Pages, "unclassified": w.gateway.exists(), "updated_at": tx.NowFunc()}
		if title := line(found.Title, maxTitle); title != "" && !d.TitleGiven {
			values["title"] = title
		}
		if problem != "" {
			values = map[string]any{"status": statusFailed, "error": string(problem), "updated_at": tx.NowFunc()}
		} else if found.Text != "" {
			if err := tx.Clauses(clause.OnConflict{UpdateAll: true}).Create(&excerpt{DocumentID: d.ID, Content: found.Text}).Error; err != nil {
				return err
			}
		}
		return tx.Model(&d).Updates(values).Error
	})
}
