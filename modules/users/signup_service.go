package users

import (
	"context"
	"errors"
	"slices"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"portico.internal/platform/audit"
	"portico.internal/platform/database"
	"portico.internal/platform/errs"
)

func (s *service) Register(ctx context.Context, email, password string, fullName *string) (UserOut, error) {
	u, err := draft(email, password, fullName)
	if err != nil {
		return UserOut{}, err
	}
	if err := s.create(audit.As(ctx, audit.User(u.ID, u.Email)), u, password, "user.registered"); err != nil {
		return UserOut{}, err
	}
	return userOut(u), nil
}

// create stores an account and records it as the action.
func (s *service) create(ctx context.Context, u *User, password, action string) error {
	err := s.hashAndStore(ctx, u, password, func() error {
		return database.Write(ctx, s.db, func(tx *gorm.DB) error { return s.insert(ctx, tx, u, action) })
	})
	s.accounts.Invalidate(u.ID)
	return err
}

func (s *service) EnsureAdmin(ctx context.Context, email, password string) (shown string, made bool, err error) {
	there, err := hasSuperuser(s.db.WithContext(ctx))
	if err != nil || there {
		return "", false, err
	}
	if password == "" {
		password = GeneratePassword()
		shown = password
	}
	u, err := draft(email, password, nil)
	if err != nil {
		return "", false, err
	}
	u.IsSuperuser = true
	if u.HashedPassword, err = s.hasher.Hash(ctx, password); err != nil {
		return "", false, err
	}
	err = database.Write(ctx, s.db, func(tx *gorm.DB) error {
		if database.IsPostgres(tx) { // on SQLite the transaction is the only one that writes
			if err := tx.Exec("LOCK TABLE users IN SHARE ROW EXCLUSIVE MODE").Error; err != nil {
				return err
			}
		}
		if there, err = hasSuperuser(tx); err != nil || there {
			return err
		}
		return s.insert(ctx, tx, u, "user.created")
	})
	s.accounts.Invalidate(u.ID)
	if err != nil || there {
		return "", false, err
	}
	return shown, true, nil
}

func hasSuperuser(db *gorm.DB) (bool, error) {
	var ids []string
	err := db.Model(&User{}).Where("is_superuser = ?", true).Limit(1).Pluck("id", &ids).Error
	return len(ids) > 0, err
}

// draft makes an account that keeps all rules but for the uniqueness of its address, and has no password yet.
func draft(email, password string, fullName *string) (*User, error) {
	email, err := CanonicalEmail(email)
	if err != nil {
		return nil, err
	}
	if err := CheckPassword(password); err != nil {
		return nil, errs.New(errs.Invalid, err.Error())
	}
	if fullName, err = CleanName(fullName); err != nil {
		return nil, err
	}
	return &User{ID: uuid.NewString(), Email: email, EmailKey: &email, FullName: fullName, IsActive: true}, nil
}

// hashAndStore makes an account ready for store. Of several calls for one address only the one whose turn it is costs a
// hash; when it has made the account, the others hear so without one.
func (s *service) hashAndStore(ctx context.Context, u *User, password string, store func() error) (err error) {
	done, err := s.turn(ctx, u.Email)
	if err != nil {
		return err
	}
	defer func() { done(err) }()
	_, err = s.find(ctx, u.Email)
	switch {
	case err == nil:
		return errTaken()
	case errs.KindOf(err) != errs.NotFound:
		return err
	}
	if u.HashedPassword, err = s.hasher.Hash(ctx, password); err != nil {
		return err
	}
	return store()
}

// insert relies on the unique index, for another process may have been faster, and looks for other spellings.
func (s *service) insert(ctx context.Context, tx *gorm.DB, u *User, action string) error {
	if err := free(tx, u.Email, u.ID); err != nil {
		return err
	}
	err := tx.Create(u).Error
	switch {
	case errors.Is(err, gorm.ErrDuplicatedKey):
		return errTaken()
	case err != nil:
		return err
	}
	return s.audit.Record(ctx, tx, audit.Event{Action: action, Target: target(u), Changes: audit.Diff(nil, userOut(u))})
}

func errTaken() error { return errs.New(errs.BadRequest, "Email already registered") }

// free fails with errs.BadRequest when somebody else has the address.
func free(tx *gorm.DB, email, id string) error {
	list, _, err := holders(tx, email)
	if err == nil && slices.ContainsFunc(list, func(u User) bool { return u.ID != id }) {
		return errTaken()
	}
	return err
}

// find returns the account with the address, in whatever spelling. It fails with errs.NotFound when there is none.
func (s *service) find(ctx context.Context, email string) (*User, error) {
	list, keyless, err := holders(s.db.WithContext(ctx), email)
	if err == nil && keyless {
		err = database.Write(ctx, s.db, addKeys)
	}
	switch {
	case err != nil:
		return nil, err
	case len(list) == 0:
		return nil, errNoUser()
	}
	return &list[0], nil
}

// byID is find for an id, past what is kept at hand.
func (s *service) byID(ctx context.Context, id string) (*User, error) {
	var u User
	err := s.db.WithContext(ctx).Where("id = ?", id).Take(&u).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return nil, errNoUser()
	}
	return &u, err
}
