package storage

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"portico.internal/platform/database"
	"portico.internal/platform/errs"
)

// objects is what feature services keep here: the catalogue, and the blobs that it names.
type objects struct {
	db       *gorm.DB
	log      *slog.Logger
	backends *backends
	patience time.Duration // with a freeze
}

func newObjects(db *gorm.DB, log *slog.Logger, b *backends) *objects {
	return &objects{db, log, b, freezePatience}
}

func errNoObject() error { return errs.New(errs.NotFound, "Object not found") }

// put stores the content of a key. It is there, whole and durable, when put returns, and not at all where it fails; what
// the key had before is there until then. want is the SHA-256 that the content must have, empty where that is not known.
// It reports whether the key is a new one.
func (s *objects) put(ctx context.Context, key, contentType, want string, body io.Reader) (o Object, created bool, err error) {
	at, err := s.backends.active(ctx)
	if err != nil {
		return Object{}, false, err
	}
	h, err := s.backends.hold(ctx, at, key)
	if err != nil {
		return Object{}, false, err
	}
	defer func() { h.end() }() // another one may have taken its place
	w, err := h.write(contentType, body)
	if err != nil {
		return Object{}, false, err
	}
	if want != "" && want != w.sha256 {
		return Object{}, false, errs.New(errs.BadRequest, "The content does not have the SHA-256 that was sent with it")
	}
	o = Object{Key: key, Size: w.size, ContentType: contentType, SHA256: w.sha256}
	for patience := time.Now().Add(s.patience); ; {
		created, err = s.commit(ctx, h, &o)
		var moved *movedError
		switch {
		case errors.As(err, &moved):
			next, err := s.follow(ctx, h, o, moved.to)
			if err != nil {
				return Object{}, false, err
			}
			h.end()
			h = next
		case errors.Is(err, errFrozen) && time.Now().Before(patience):
			if err := s.thaw(ctx); err != nil {
				return Object{}, false, err
			}
		default:
			return o, created, err
		}
	}
}

const (
	freezePatience = 15 * time.Second // a freeze is shorter
	freezeLook     = 100 * time.Millisecond
)

// errFrozen says that objects wait for the end of a migration.
var errFrozen = passingTrouble("The storage is being moved; try again", nil)

// movedError says that another backend has become the active one.
type movedError struct{ to string }

func (*movedError) Error() string { return "the storage has moved" }

// thaw waits a moment for the end of a freeze.
func (s *objects) thaw(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(freezeLook):
		return nil
	}
}

// commit makes the blob that was written the content of the key.
func (s *objects) commit(ctx context.Context, h *hold, o *Object) (created bool, err error) {
	err = database.Write(ctx, s.db, func(tx *gorm.DB) error {
		var state State
		err := tx.Clauses(clause.Locking{Strength: clause.LockingStrengthShare}).Where("id = 1").Take(&state).Error
		switch {
		case err != nil:
			return err
		case state.FrozenUntil != nil && tx.NowFunc().Before(*state.FrozenUntil):
			return errFrozen
		case state.BackendID != h.at.id:
			return &movedError{state.BackendID}
		}
		if err := h.use(tx); err != nil {
			return err
		}
		o.Version, o.BackendID, o.Name, o.ModifiedAt = h.version, h.at.id, h.name, tx.NowFunc()
		created, err = s.replace(tx, o)
		return err
	})
	if err != nil {
		return false, err
	}
	h.used = true
	if !created {
		s.backends.sweepSoon()
	}
	return created, nil
}

// replaceTries is how often a key may appear and vanish again while it is being written.
const replaceTries = 10

// replace puts a row in the place of the one that the key has, whose blob becomes trash.
func (s *objects) replace(tx *gorm.DB, o *Object) (created bool, err error) {
	for range replaceTries {
		var old []Object
		err := tx.Clauses(clause.Locking{Strength: clause.LockingStrengthUpdate}).Where("key = ?", o.Key).Find(&old).Error
		if err != nil {
			return false, err
		}
		if len(old) == 0 {
			made := tx.Clauses(clause.OnConflict{Columns: []clause.Column{{Name: "key"}}, DoNothing: true}).Create(o)
			if made.Error != nil || made.RowsAffected == 1 {
				return true, made.Error
			}
			continue // somebody else has made it: there is a row to wait for now
		}
		if err := tx.Model(&Object{}).Where("key = ?", o.Key).Select("*").Omit("key").Updates(o).Error; err != nil {
			return false, err
		}
		return false, discard(tx, Trash{BackendID: old[0].BackendID, Name: old[0].Name, DueAt: tx.NowFunc()})
	}
	return false, errs.New(errs.Unavailable, "Too many writers of this key").Retry(time.Second)
}

// follow copies a blob that was written to a backend which is not the active one any more.
func (s *objects) follow(ctx context.Context, h *hold, o Object, to string) (*hold, error) {
	at, err := s.backends.get(ctx, to)
	if err != nil {
		return nil, err
	}
	content, err := h.at.open(h.ctx, h.name, 0, -1)
	if err != nil {
		return nil, err
	}
	defer content.Close()
	next, err := s.backends.hold(ctx, at, o.Key)
	if err != nil {
		return nil, err
	}
	w, err := next.write(o.ContentType, content)
	if err == nil && (w.sha256 != o.SHA256 || w.size != o.Size) {
		err = passingTrouble("The upload was damaged while the storage was being moved", nil)
	}
	if err != nil {
		next.end()
		return nil, err
	}
	return next, nil
}

// get returns the row of a key.
func (s *objects) get(ctx context.Context, key string) (Object, error) {
	var rows []Object
	err := s.db.WithContext(ctx).Where("key = ?", key).Find(&rows).Error
	if err == nil && len(rows) == 0 {
		err = errNoObject()
	}
	if err != nil {
		return Object{}, err
	}
	return rows[0], nil
}

// openTries is how often the content of a key may be another one, or lie elsewhere, before it has been opened.
const openTries = 5

// open opens the content of an object from offset on, length bytes. Where the object is not at its place any more it is
// looked up anew; the row that was opened is returned.
func (s *objects) open(ctx context.Context, o Object, part func(Object) (offset, length int64, err error)) (Object, io.ReadCloser, error) {
	for range openTries {
		offset, length, err := part(o)
		if err != nil {
			return o, nil, err
		}
		at, err := s.backends.get(ctx, o.BackendID)
		if err != nil {
			return o, nil, err
		}
		content, err := at.open(ctx, o.Name, offset, length)
		if !errors.Is(err, errGone) {
			return o, content, err
		}
		now, err := s.get(ctx, o.Key)
		if err != nil {
			return o, nil, err
		}
		if now.BackendID == o.BackendID && now.Name == o.Name {
			s.log.ErrorContext(ctx, "storage object without content", "key", o.Key, "backend", o.BackendID, "name", o.Name)
			return o, nil, trouble("The content of this object is missing in the storage", nil)
		}
		o = now
	}
	return o, nil, passingTrouble("The object changes too fast", nil)
}

// delete removes a key.
func (s *objects) delete(ctx context.Context, key string) error {
	err := database.Write(ctx, s.db, func(tx *gorm.DB) error {
		var rows []Object
		if err := tx.Clauses(clause.Returning{}).Where("key = ?", key).Delete(&rows).Error; err != nil {
			return err
		}
		if len(rows) == 0 {
			return errNoObject()
		}
		return discard(tx, Trash{BackendID: rows[0].BackendID, Name: rows[0].Name, DueAt: tx.NowFunc()})
	})
	if err == nil {
		s.backends.sweepSoon()
	}
	return err
}

// list returns the objects after a key whose keys begin with prefix, in the order of their bytes, and the key to go on
// after, empty at the end.
func (s *objects) list(ctx context.Context, prefix, after string, limit int) (rows []Object, next string, err error) {
	query := s.db.WithContext(ctx).Where("key > ?", after)
	if prefix != "" {
		query = query.Where("key >= ?", prefix)
		if end := past(prefix); end != "" {
			query = query.Where("key < ?", end)
		}
	}
	if err = query.Order("key").Limit(limit + 1).Find(&rows).Error; err != nil {
		return nil, "", err
	}
	if len(rows) > limit {
		rows = rows[:limit]
		next = rows[limit-1].Key
	}
	return rows, next, nil
}
