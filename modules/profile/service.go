package profile

import (
	"context"
	"errors"

	"github.com/google/uuid"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"portico.internal/platform/audit"
	"portico.internal/platform/database"
	"portico.internal/platform/errs"
)

type service struct {
	db    *gorm.DB
	audit *audit.Log
}

func newService(db *gorm.DB, a *audit.Log) *service { return &service{db, a} }

// find returns the profile of a user, nil when there is none.
func (s *service) find(ctx context.Context, userID string) (*Profile, error) {
	var p Profile
	err := s.db.WithContext(ctx).Where("user_id = ?", userID).Take(&p).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return nil, nil
	}
	return &p, err
}

// get returns the profile of a user, which is made when it is first asked for.
func (s *service) get(ctx context.Context, userID string) (*Profile, error) {
	p, err := s.find(ctx, userID)
	if p == nil && err == nil {
		return s.update(ctx, userID, "", nil)
	}
	return p, err
}

// update sets columns of a user's profile, which is made when there is none. Any number of first calls make one row.
func (s *service) update(ctx context.Context, userID, email string, changes map[string]any) (*Profile, error) {
	var p Profile
	err := database.Write(ctx, s.db, func(tx *gorm.DB) error {
		fresh := &Profile{ID: uuid.NewString(), UserID: userID}
		if err := tx.Clauses(clause.OnConflict{DoNothing: true}).Create(fresh).Error; err != nil {
			return err
		}
		if len(changes) == 0 {
			return tx.Where("user_id = ?", userID).Take(&p).Error
		}
		var before Profile
		if err := tx.Clauses(clause.Locking{Strength: clause.LockingStrengthUpdate}).Where("user_id = ?", userID).Take(&before).Error; err != nil {
			return err
		}
		if err := tx.Model(&Profile{}).Where("user_id = ?", userID).Updates(changes).Error; err != nil {
			return err
		}
		if err := tx.Where("user_id = ?", userID).Take(&p).Error; err != nil {
			return err
		}
		return s.audit.Record(ctx, tx, audit.Event{Action: "profile.changed", Target: audit.Target{Type: "user", ID: userID, Name: email},
			Changes: audit.Diff(before.told(), p.told(), personal...)})
	})
	if errors.Is(err, gorm.ErrForeignKeyViolated) || errors.Is(err, gorm.ErrRecordNotFound) {
		return nil, errs.New(errs.Unauthenticated, "Could not validate credentials") // the account went away since the request came in
	}
	return &p, err
}
