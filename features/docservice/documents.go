package docservice

import (
	"context"
	"errors"
	"os"
	"slices"

	"golang.org/x/text/unicode/norm"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"portico.internal/platform/database"
	"portico.internal/platform/errs"
)

// Errors that clients are told.
var (
	errNoDocument = errs.New(errs.NotFound, "Document not found")
	errNotOwner   = errs.New(errs.BadRequest, "Only the owner or an administrator can change this document")
	errNotMember  = errs.New(errs.BadRequest, "A document can only be shared with groups you are a member of")
)

// listed is a document with what belongs to it, and how many there are on all pages.
type listed struct {
	Document       document `gorm:"embedded"`
	SharedGroupIDs string   // sorted, comma-joined
	CategoryIDs    string   // sorted, comma-joined
	Total          int64
}

const (
	documentColumns = "id, owner_id, title, filename, size, sha256, stored, status, pages, error, created_at, updated_at"
	withBelongings  = "page.*, " +
		"coalesce((SELECT string_agg(group_id, ',' ORDER BY group_id) FROM document_shares WHERE document_id = page.id), '') AS shared_group_ids, " +
		"coalesce((SELECT string_agg(category_id, ',' ORDER BY category_id) FROM document_category_assignments WHERE document_id = page.id), '') AS category_ids"
)

type scope = func(*gorm.DB) *gorm.DB

// list returns the documents the caller may see, newest first, and how many there are on all pages. A limit of 0 is
// none. It is one statement, but for a page past the end.
func (s *Service) list(ctx context.Context, who caller, limit, offset int, filters ...scope) ([]listed, int64, error) {
	db := s.db.WithContext(ctx)
	found := db.Model(&document{}).Scopes(visibleTo(who)).Scopes(filters...)
	page := found.Session(&gorm.Session{}).Select(documentColumns + ", count(*) OVER () AS total").
		Order("created_at DESC, id").Offset(offset)
	if limit > 0 {
		page = page.Limit(limit)
	}
	var rows []listed
	err := db.Table("(?) AS page", page).Select(withBelongings).Order("created_at DESC, id").Scan(&rows).Error
	switch {
	case err != nil:
		return nil, 0, err
	case len(rows) > 0:
		return rows, rows[0].Total, nil
	case offset == 0:
		return nil, 0, nil
	}
	var total int64
	err = found.Session(&gorm.Session{}).Count(&total).Error
	return nil, total, err
}

// get returns one document. Fails with NotFound when the caller may not see it.
func (s *Service) get(ctx context.Context, who caller, id string) (*listed, error) {
	rows, _, err := s.list(ctx, who, 1, 0, withID(id))
	if err != nil {
		return nil, err
	}
	if len(rows) == 0 {
		return nil, errNoDocument
	}
	return &rows[0], nil
}

// visibleTo keeps the documents the caller owns or has through a group; an administrator sees all.
func visibleTo(who caller) scope {
	return func(db *gorm.DB) *gorm.DB {
		switch {
		case who.admin:
			return db
		case len(who.groups) == 0:
			return db.Where("documents.owner_id = ?", who.id)
		}
		return db.Where("(documents.owner_id = ? OR EXISTS (SELECT 1 FROM document_shares s WHERE s.document_id = documents.id AND s.group_id IN ?))",
			who.id, who.groups)
	}
}

func withID(id string) scope {
	return func(db *gorm.DB) *gorm.DB { return db.Where("documents.id = ?", canonicalID(id)) }
}

func withText(part string) scope {
	return func(db *gorm.DB) *gorm.DB {
		return db.Where(database.Contains(db, norm.NFC.String(part), "documents.title", "documents.filename"))
	}
}

func inCategory(id string) scope {
	return func(db *gorm.DB) *gorm.DB {
		return db.Where("EXISTS (SELECT 1 FROM document_category_assignments a WHERE a.document_id = documents.id AND a.category_id = ?)",
			canonicalID(id))
	}
}

// change runs fn on a document that the caller owns or administers, in one transaction and after all others that
// change it. Fails with NotFound when he may not see it and with BadRequest when he may see it only.
func (s *Service) change(ctx context.Context, who caller, id string, fn func(tx *gorm.DB, d *document) error) error {
	return database.Write(ctx, s.db, func(tx *gorm.DB) error {
		var d document
		err := tx.Scopes(visibleTo(who), withID(id)).Clauses(clause.Locking{Strength: "UPDATE"}).Take(&d).Error
		switch {
		case errors.Is(err, gorm.ErrRecordNotFound):
			return errNoDocument
		case err != nil:
			return err
		case d.OwnerID != who.id && !who.admin:
			return errNotOwner
		}
		return fn(tx, &d)
	})
}

// update sets the title and the groups it is shared with, each unless nil.
func (s *Service) update(ctx context.Context, who caller, id string, title *string, groups []string) error {
	if title == nil && groups == nil {
		return s.change(ctx, who, id, func(*gorm.DB, *document) error { return nil })
	}
	return s.change(ctx, who, id, func(tx *gorm.DB, d *document) error {
		values := map[string]any{"updated_at": tx.NowFunc()}
		if title != nil {
			values["title"], values["title_given"] = *title, true
		}
		if groups != nil {
			if err := shareWith(tx, who, d.ID, groups); err != nil {
				return err
			}
		}
		return tx.Model(d).Updates(values).Error
	})
}

// shareWith makes groups the ones that see the document. Those that see it already may stay, whoever sends them.
func shareWith(tx *gorm.DB, who caller, id string, groups []string) error {
	var current []string
	if err := tx.Model(&share{}).Where("document_id = ?", id).Pluck("group_id", &current).Error; err != nil {
		return err
	}
	var added []share
	for _, group := range groups {
		if slices.Contains(current, group) {
			continue
		}
		if !who.admin && !slices.Contains(who.groups, group) {
			return errNotMember
		}
		added = append(added, share{DocumentID: id, GroupID: group})
	}
	removed := slices.DeleteFunc(current, func(group string) bool { return slices.Contains(groups, group) })
	if len(removed) > 0 {
		if err := tx.Where("document_id = ? AND group_id IN ?", id, removed).Delete(&share{}).Error; err != nil {
			return err
		}
	}
	if len(added) == 0 {
		return nil
	}
	return tx.Create(&added).Error
}

// create makes the row of a document whose file is staged, and brings the file to where it stays.
func (s *Service) create(ctx context.Context, d *document) error {
	chosen, err := s.objects.isChosen(ctx)
	insert := func(tx *gorm.DB) error { return tx.Create(d).Error }
	arrive := s.files.place
	switch {
	case err != nil:
		return errors.Join(err, s.files.remove(d.ID))
	case chosen:
		d.Stored, arrive = inObjects, s.files.remove
		err = s.createObject(ctx, d, insert)
	default:
		d.Stored = inFolder
		err = database.Write(ctx, s.db, insert)
	}
	if err != nil {
		return s.undecided(ctx, d.ID, err)
	}
	if err := arrive(d.ID); err != nil && !errors.Is(err, os.ErrNotExist) { // not there: deleted meanwhile
		s.log.ErrorContext(ctx, "file stays staged", "document_id", d.ID, "error", err)
	}
	s.worker.notify()
	return nil
}

func (s *Service) createObject(ctx context.Context, d *document, insert func(tx *gorm.DB) error) error {
	file, err := s.files.open(d.ID)
	if err != nil {
		return err
	}
	defer file.Close()
	return s.store(ctx, d, file, insert)
}

// remove deletes a document with what it holds. An object is removed afterwards, as soon as the gateway can be reached.
func (s *Service) remove(ctx context.Context, who caller, id string) error {
	var stored string
	err := s.change(ctx, who, id, func(_ *gorm.DB, d *document) error { id, stored = d.ID, d.Stored; return nil })
	if err != nil {
		return err
	}
	if stored == inFolder {
		if err := s.files.unplace(id); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	err = s.change(ctx, who, id, func(tx *gorm.DB, d *document) error {
		if d.Stored == inObjects {
			if err := doom(tx, d.ID); err != nil {
				return err
			}
		}
		return tx.Delete(d).Error
	})
	s.mover.notify()
	if err != nil && !errors.Is(err, errNoDocument) {
		return s.undecided(ctx, id, err)
	}
	return errors.Join(err, s.files.remove(id))
}

// undecided settles the staged file after a transaction that has failed, or only seems to have; with the database
// gone that is left to the next start. It returns cause.
func (s *Service) undecided(ctx context.Context, id string, cause error) error {
	if err := s.settle(context.WithoutCancel(ctx), id); err != nil {
		s.log.WarnContext(ctx, "file stays staged until the next start", "document_id", id, "error", err)
	}
	return cause
}
