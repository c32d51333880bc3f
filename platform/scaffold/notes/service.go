package notes

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"unicode/utf8"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"portico.internal/modules/settings"
	"portico.internal/platform/audit"
	"portico.internal/platform/database"
	"portico.internal/platform/errs"
	"portico.internal/platform/identity"
	"portico.internal/platform/listing"
	"portico.internal/platform/web"
)

type service struct {
	db     *gorm.DB
	audit  *audit.Log
	log    *slog.Logger
	limits *settings.Typed[limits]
}

func newService(db *gorm.DB, a *audit.Log, log *slog.Logger, store *settings.Store) *service {
	return &service{db, a, log, settings.Of(store, "notes.limits", limits{MaxTitle: 80})}
}

var itemList = listing.List[itemOut]{
	Search: []string{"title"},
	Sorts: map[string]listing.Key[itemOut]{
		"created_at": {Expr: "created_at", Of: func(i *itemOut) any { return i.CreatedAt }},
		"title":      {Expr: "title", Of: func(i *itemOut) any { return i.Title }},
	},
	Default: "created_at",
	ID:      listing.Key[itemOut]{Expr: "id", Of: func(i *itemOut) any { return i.ID }},
}

func (s *service) list(ctx context.Context, userID string, q listing.Query) (*listing.Out[itemOut], error) {
	own := s.db.Model(&Item{}).Select("id, title, created_at").Where("user_id = ?", userID)
	return itemList.Run(ctx, own, q)
}

// create fails with errs.BadRequest when the title is longer than the limit of the moment.
func (s *service) create(ctx context.Context, userID string, in itemCreate) (*itemOut, error) {
	now, err := s.limits.Get(ctx)
	if err != nil {
		return nil, err
	}
	if utf8.RuneCountInString(in.Title) > now.Is.MaxTitle {
		return nil, errs.New(errs.BadRequest, fmt.Sprintf("Title must have at most %d characters", now.Is.MaxTitle))
	}
	item := Item{ID: uuid.NewString(), UserID: userID, Title: in.Title}
	err = database.Write(ctx, s.db, func(tx *gorm.DB) error {
		if err := tx.Create(&item).Error; err != nil {
			return err
		}
		return s.audit.Record(ctx, tx, audit.Event{Action: "notes.created", Target: target(item.ID)})
	})
	if errors.Is(err, gorm.ErrForeignKeyViolated) {
		return nil, errs.New(errs.Unauthenticated, "Could not validate credentials") // the account went away since the request came in
	}
	return &itemOut{item.ID, item.Title, item.CreatedAt}, err
}

// delete fails with errs.NotFound when the user has no such item, though another may.
func (s *service) delete(ctx context.Context, userID, id string) error {
	if uuid.Validate(id) != nil {
		return errNoItem()
	}
	err := database.Write(ctx, s.db, func(tx *gorm.DB) error {
		gone := tx.Where("id = ? AND user_id = ?", id, userID).Delete(&Item{})
		switch {
		case gone.Error != nil:
			return gone.Error
		case gone.RowsAffected == 0:
			return errNoItem()
		}
		return s.audit.Record(ctx, tx, audit.Event{Action: "notes.deleted", Target: target(id)})
	})
	if err == nil {
		s.log.InfoContext(ctx, "notes item deleted", "actor", identity.From(ctx).ID, "item_id", id, "address", web.ClientAddr(ctx))
	}
	return err
}

func target(id string) audit.Target { return audit.Target{Type: "notes item", ID: id} }

func errNoItem() error { return errs.New(errs.NotFound, "Item not found") }
