package docservice

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"portico.internal/platform/database"
	"portico.internal/platform/errs"
)

// Where the content of a document is: in the folder of this process, or among the gateway's objects. Its row says so,
// and both can be read at any time. It goes from the folder to the objects, never back.
const (
	inFolder  = "folder"
	inObjects = "objects"
)

// looseFor is how long an object may wait for its document.
const looseFor = time.Hour

// errTooLate says that an object is about to be removed, since its document has not come in time or has been deleted.
var errTooLate = errs.New(errs.Unavailable, "The document was not stored in time; try again").Retry(objectsRetry)

// store makes an object of the content of a document, and then the document one whose content is there, by commit.
//
// Object and row cannot come in one step. So the object is first noted as a loose one; whether it becomes the document's
// is decided where commit and the end of the note are one transaction. What never comes so far is removed when it is due,
// and nothing else ever is: an object that is not noted, whoever's it is, is not ours to judge.
func (s *Service) store(ctx context.Context, d *document, content io.Reader, commit func(tx *gorm.DB) error) error {
	if err := s.announce(ctx, d.ID); err != nil {
		return err
	}
	if err := s.objects.put(ctx, d.ID, content, d.Size, d.SHA256); err != nil {
		return err
	}
	err := database.Write(ctx, s.db, func(tx *gorm.DB) error {
		note := tx.Where("document_id = ? AND NOT doomed", d.ID).Delete(&looseObject{})
		if note.Error == nil && note.RowsAffected == 0 {
			return errTooLate
		}
		if note.Error != nil {
			return note.Error
		}
		return commit(tx)
	})
	if errors.Is(err, errTooLate) || errors.Is(err, errNoDocument) { // what removes objects may have been here too early
		err = errors.Join(err, database.Write(context.WithoutCancel(ctx), s.db, func(tx *gorm.DB) error { return doom(tx, d.ID) }))
		s.mover.notify()
	}
	return err
}

// announce notes that there will be an object. Fails where that is to be removed.
func (s *Service) announce(ctx context.Context, id string) error {
	return database.Write(ctx, s.db, func(tx *gorm.DB) error {
		note := tx.Clauses(clause.OnConflict{
			Columns: []clause.Column{{Name: "document_id"}}, DoUpdates: clause.AssignmentColumns([]string{"due_at"}),
			Where: clause.Where{Exprs: []clause.Expression{clause.Expr{SQL: "NOT document_loose_objects.doomed"}}},
		}).Create(&looseObject{DocumentID: id, DueAt: tx.NowFunc().Add(looseFor)})
		if note.Error == nil && note.RowsAffected == 0 {
			return errTooLate
		}
		return note.Error
	})
}

// doom notes that the object of a document is to be removed.
func doom(tx *gorm.DB, id string) error {
	return tx.Clauses(clause.OnConflict{Columns: []clause.Column{{Name: "document_id"}}, DoUpdates: clause.AssignmentColumns([]string{"due_at", "doomed"})}).
		Create(&looseObject{DocumentID: id, DueAt: tx.NowFunc(), Doomed: true}).Error
}

// removeLoose removes the objects that are due, and returns whether there are more of them.
func (s *Service) removeLoose(ctx context.Context) (more bool, err error) {
	var due []looseObject
	if err := s.db.WithContext(ctx).Where("due_at <= ?", s.db.NowFunc()).Order("due_at").Limit(sweepBatch).Find(&due).Error; err != nil {
		return false, err
	}
	for _, object := range due {
		var doomed int64
		if err := database.Write(ctx, s.db, func(tx *gorm.DB) error {
			update := tx.Model(&looseObject{}).Where("document_id = ? AND due_at <= ?", object.DocumentID, tx.NowFunc()).
				Updates(map[string]any{"doomed": true, "due_at": tx.NowFunc().Add(moveEvery)})
			doomed = update.RowsAffected
			return update.Error
		}); err != nil {
			return false, err
		}
		if doomed == 0 { // a document has it now, or another process is at it
			continue
		}
		if err := s.objects.remove(ctx, object.DocumentID); err != nil {
			return false, err
		}
		if err := database.Write(ctx, s.db, func(tx *gorm.DB) error {
			return tx.Where("document_id = ? AND doomed", object.DocumentID).Delete(&looseObject{}).Error
		}); err != nil {
			return false, err
		}
	}
	return len(due) == sweepBatch, nil
}

// content is what a document holds.
type content interface {
	io.ReadSeeker
	io.Closer
}

// open opens the content of a document, wherever it has gone since d was read. Returns os.ErrNotExist when it is lost and
// NotFound when the document has been deleted.
func (s *Service) open(ctx context.Context, d *document) (content, error) {
	if d.Stored == inFolder {
		file, err := s.files.open(d.ID)
		if !errors.Is(err, os.ErrNotExist) {
			return file, err
		}
		now, err := s.again(ctx, d.ID)
		if err != nil {
			return nil, err
		}
		if now.Stored == inFolder {
			return nil, fmt.Errorf("document %s: %w", d.ID, os.ErrNotExist)
		}
	}
	return &objectContent{ctx: ctx, objects: s.objects, document: d}, nil
}

// again reads the row of a document anew.
func (s *Service) again(ctx context.Context, id string) (*document, error) {
	var d document
	err := s.db.WithContext(ctx).Where("id = ?", id).Take(&d).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		err = errNoDocument
	}
	return &d, err
}

// objectContent is the content of an object, of which only that is asked for which is read.
type objectContent struct {
	ctx      context.Context //nolint:containedctx // it lives as long as the request that reads
	objects  *objectStore
	document *document

	offset  int64
	length  int64 // how much will be read from offset on; to the end when 0
	body    io.ReadCloser
	failure error
}

func (c *objectContent) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += c.offset
	case io.SeekEnd:
		offset += c.document.Size
	}
	if offset < 0 {
		return 0, errors.New("seek before the beginning")
	}
	if offset != c.offset {
		c.Close()
	}
	c.offset = offset
	return offset, nil
}

func (c *objectContent) Read(p []byte) (n int, err error) {
	left := c.document.Size - c.offset
	if left <= 0 {
		return 0, io.EOF
	}
	if c.body == nil {
		if c.length > 0 {
			left = min(left, c.length)
		}
		if c.body, err = c.objects.open(c.ctx, c.document, c.offset, left); err != nil {
			c.failure = err
			return 0, err
		}
	}
	n, err = c.body.Read(p)
	c.offset += int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		c.failure = err
	}
	return n, err
}

func (c *objectContent) Close() error {
	if c.body == nil {
		return nil
	}
	body := c.body
	c.body = nil
	return body.Close()
}
