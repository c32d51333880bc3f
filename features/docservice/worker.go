package docservice

import (
	"context"
	"errors"
	"fmt"
	"os"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"portico.internal/platform/database"
	"portico.internal/platform/errs"
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

	waiting []string // ids of documents whose content cannot be had at this moment, so that they do not hold up the others
	cause   error    // why
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
	if err == nil && d == nil {
		err, w.waiting, w.cause = w.cause, nil, nil
	}
	if err != nil || d == nil {
		return false, err
	}
	err = w.read(ctx, d)
	if errs.KindOf(err) == errs.Unavailable && ctx.Err() == nil && len(w.waiting) < maxWaiting {
		w.waiting, w.cause = append(w.waiting, d.ID), err
		return true, nil
	}
	return true, err
}

const maxWaiting = 100

// claim returns the document that has waited longest, those aside whose content cannot be had; nil when none waits. It
// counts the attempt.
func (w *worker) claim(ctx context.Context) (*document, error) {
	var d *document
	err := database.Write(ctx, w.db, func(tx *gorm.DB) error {
		var waiting []document
		query := tx.Where("status = ?", statusProcessing)
		if len(w.waiting) > 0 {
			query = query.Where("id NOT IN ?", w.waiting)
		}
		if err := query.Order("created_at, id").Limit(1).
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
	case ctx.Err() != nil, errs.KindOf(err) == errs.Unavailable: // stopping is not the document's fault, nor a storage that is away
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
	from, err := w.open(ctx, d)
	if err != nil {
		return facts{}, lost(err)
	}
	defer from.Close()
	file, ok := from.(*os.File)
	if !ok {
		if file, err = w.files.spool(from, d); err != nil {
			return facts{}, lost(err)
		}
		defer w.files.unspool(file)
	}
	return w.inspector.inspect(ctx, file)
}

// lost tells content that is not there from content that cannot be had.
func lost(err error) error {
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, errNoObject) || errors.Is(err, errNoDocument) {
		return isLost
	}
	return err
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
