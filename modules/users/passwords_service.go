package users

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"portico.internal/platform/audit"
	"portico.internal/platform/database"
	"portico.internal/platform/errs"
	"portico.internal/platform/identity"
)

// resetLifetime is how long a reset token may be used.
const resetLifetime = time.Hour

// setPassword is the change to a new password. A reset token that is out ends.
func setPassword(hash string) change {
	return func(tx *gorm.DB, u *User, columns map[string]any) error {
		columns["hashed_password"] = hash
		return tx.Where("user_id = ?", u.ID).Delete(&PasswordReset{}).Error
	}
}

// resetPassword gives the account with the address a new password, and returns the address as the account spells it.
func (s *service) resetPassword(ctx context.Context, email, password string) (string, error) {
	if err := CheckPassword(password); err != nil {
		return "", errs.New(errs.Invalid, err.Error())
	}
	u, err := s.find(ctx, email)
	if err != nil {
		return "", err
	}
	hash, err := s.hasher.Hash(ctx, password)
	if err != nil {
		return "", err
	}
	err = database.Write(ctx, s.db, func(tx *gorm.DB) error {
		u, err := lock(tx, u.ID, forUpdate)
		if err != nil {
			return err
		}
		return s.endingSessions(ctx, "user.password_set", setPassword(hash))(tx, u, 0)
	})
	s.accounts.Invalidate(u.ID)
	return u.Email, err
}

// setPassword is what an administrator does for a user.
func (s *service) setPassword(ctx context.Context, by *identity.Caller, id, password string) error {
	if id == by.ID {
		return errOwnPassword()
	}
	if _, err := s.byID(ctx, id); err != nil { // no hash is spent on nobody
		return err
	}
	hash, err := s.hasher.Hash(ctx, password)
	if err != nil {
		return err
	}
	err = s.asAdmin(ctx, by, id, s.endingSessions(ctx, "user.password_set", setPassword(hash)))
	if err == nil {
		s.note(ctx, by, "password set", id)
	}
	return err
}

// errOwnPassword keeps a session that somebody has got hold of from taking the account for good.
func errOwnPassword() error {
	return errs.New(errs.BadRequest, "Change your own password with your current one")
}

// makeReset ends a user's sessions and returns a token that can once, within an hour, set a new password. The one
// before it ends. Until then the old password stays.
func (s *service) makeReset(ctx context.Context, by *identity.Caller, id string) (token string, expires time.Time, err error) {
	if id == by.ID {
		return "", time.Time{}, errOwnPassword()
	}
	token = rand.Text()
	expires = time.Now().UTC().Truncate(time.Second).Add(resetLifetime)
	err = s.asAdmin(ctx, by, id, s.endingSessions(ctx, "user.password_reset_issued", func(tx *gorm.DB, u *User, _ map[string]any) error {
		return tx.Clauses(clause.OnConflict{UpdateAll: true}).Create(&PasswordReset{u.ID, resetHash(token), expires}).Error
	}))
	if err != nil {
		return "", time.Time{}, err
	}
	s.note(ctx, by, "password reset made", id)
	return token, expires, nil
}

// endingSessions makes of a change one that an administrator makes to a user who is there, recorded as the action.
func (s *service) endingSessions(ctx context.Context, action string, change change) func(tx *gorm.DB, u *User, admins int) error {
	return func(tx *gorm.DB, u *User, _ int) error {
		if u == nil {
			return errNoUser()
		}
		if err := endSessions(tx, u, change); err != nil {
			return err
		}
		return s.audit.Record(ctx, tx, audit.Event{Action: action, Target: target(u)})
	}
}

func resetHash(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

func errBadReset() error { return errs.New(errs.BadRequest, "Invalid or expired reset token") }

func (s *service) ResetPassword(ctx context.Context, token, password string) (session Session, err error) {
	if err := CheckPassword(password); err != nil {
		return Session{}, errs.New(errs.Invalid, err.Error())
	}
	key := resetHash(token)
	done, err := s.turn(ctx, key) // a token costs one hash, however often it is sent at once
	if err != nil {
		return Session{}, err
	}
	defer func() { done(err) }()
	id, err := resettable(s.db.WithContext(ctx), key)
	if err != nil {
		return Session{}, err
	}
	hash, err := s.hasher.Hash(ctx, password)
	if err != nil {
		return Session{}, err
	}
	session, err = s.restart(ctx, id, "user.password_reset", func(tx *gorm.DB, _ *User) error {
		_, err := resettable(tx, key)
		return err
	}, setPassword(hash))
	if errs.KindOf(err) == errs.NotFound {
		err = errBadReset()
	}
	return session, err
}

// resettable returns the active user whom the token with the hash may still give a new password.
func resettable(db *gorm.DB, hash string) (id string, err error) {
	var list []PasswordReset
	err = db.Joins("JOIN users ON users.id = password_resets.user_id AND users.is_active").
		Where("token_hash = ?", hash).Find(&list).Error
	switch {
	case err != nil:
		return "", err
	case len(list) == 0 || !time.Now().Before(list[0].ExpiresAt):
		return "", errBadReset()
	}
	return list[0].UserID, nil
}
