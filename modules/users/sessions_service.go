package users

import (
	"context"
	"errors"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"portico.internal/platform/audit"
	"portico.internal/platform/database"
	"portico.internal/platform/errs"
	"portico.internal/platform/identity"
)

// Tokens tell time in whole seconds, so "issued before" needs care to leave no token over:
//
//   - Whoever issues one reads the account under a lock, and a token carries at most the next whole second.
//   - Whoever ends them takes the time under the same lock and moves tokens_valid_after past all that can be out: to the
//     next second, or to the one after it when tokens of the next second may be out already.
//
// It is therefore at most two seconds ahead, and a new token is accepted at once or, after a second end within the same
// second, issued a second later.

// cutoff returns the time before which tokens have ended, for all that are out at the moment to be before it.
func cutoff(u *User, now time.Time) time.Time {
	next := now.Truncate(time.Second).Add(time.Second).UTC()
	if u.TokensValidAfter == nil || !u.TokensValidAfter.After(now) {
		return next
	}
	next = next.Add(time.Second)
	if u.TokensValidAfter.After(next) { // only where a clock has gone back; this never does
		return *u.TokensValidAfter
	}
	return next
}

// pending is how long it takes until the tokens of the account can be ended and a new one be issued at once.
func pending(u *User, now time.Time) time.Duration {
	if u.TokensValidAfter == nil {
		return 0
	}
	return u.TokensValidAfter.Sub(now)
}

// sessionAt is the session that begins now.
func sessionAt(u *User, now time.Time) Session {
	since := now.Truncate(time.Second).UTC()
	if u.TokensValidAfter != nil && u.TokensValidAfter.After(since) {
		since = *u.TokensValidAfter
	}
	return Session{UserID: u.ID, Since: since}
}

var (
	forShare  = clause.Locking{Strength: "SHARE"} // PostgreSQL's; on SQLite a transaction of database.Write is alone anyway
	forUpdate = clause.Locking{Strength: "NO KEY UPDATE"}
)

// lock reads an account that nobody else changes until the transaction ends.
func lock(tx *gorm.DB, id string, how clause.Locking) (*User, error) {
	var list []User
	err := tx.Clauses(how).Where("id = ?", id).Find(&list).Error
	if err == nil && len(list) == 0 {
		err = errNoUser()
	}
	if err != nil {
		return nil, err
	}
	return &list[0], nil
}

// maxPause is well over the two seconds that tokens_valid_after can be ahead.
const maxPause = 5 * time.Second

var errClockBack = errors.New("users.tokens_valid_after is far ahead: a clock has gone back")

// once runs a transaction, again after the time it asks to wait. It fails with errs.Unavailable when that is too long.
func (s *service) once(ctx context.Context, fn func(tx *gorm.DB) (wait time.Duration, err error)) error {
	for {
		var wait time.Duration
		err := database.Write(ctx, s.db, func(tx *gorm.DB) (err error) {
			wait, err = fn(tx)
			return err
		})
		switch {
		case err != nil || wait <= 0:
			return err
		case wait > maxPause:
			return errs.Wrap(errs.Unavailable, "", errClockBack).Retry(wait)
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return gone(ctx)
		}
	}
}

func (s *service) SignIn(ctx context.Context, email, password string, then func(tx *gorm.DB, begun Session) error) (Session, bool, error) {
	u, err := s.find(ctx, email)
	switch {
	case errs.KindOf(err) == errs.NotFound:
		return Session{Refused: "unknown address"}, false, s.hasher.VerifyDummy(ctx)
	case err != nil:
		return Session{}, false, err
	}
	ok, err := s.hasher.Verify(ctx, u.HashedPassword, password)
	switch {
	case err != nil:
		return Session{UserID: u.ID}, false, err
	case !ok:
		return Session{UserID: u.ID, Refused: "wrong password"}, false, nil
	case !u.IsActive:
		return Session{UserID: u.ID, Refused: "inactive account"}, false, nil
	}
	session, err := s.begin(ctx, u, then)
	if errs.KindOf(err) == errs.NotFound {
		return Session{UserID: u.ID, Refused: "the account has just changed"}, false, nil
	}
	return session, err == nil, err
}

// begin makes a session of an account that was seen with a password known to be right. It fails with errs.NotFound
// when the account or the password is not there any more: hashing takes long.
func (s *service) begin(ctx context.Context, seen *User, then func(tx *gorm.DB, begun Session) error) (session Session, err error) {
	err = s.once(ctx, func(tx *gorm.DB) (time.Duration, error) {
		now := time.Now() // before it is known that nothing has ended the session by then
		u, err := lock(tx, seen.ID, forShare)
		switch {
		case err != nil:
			return 0, err
		case !u.IsActive || u.HashedPassword != seen.HashedPassword:
			return 0, errNoUser()
		}
		session = sessionAt(u, now)
		if wait := pending(u, now) - time.Second; wait > 0 {
			return wait, nil
		}
		return 0, then(tx, session)
	})
	return session, err
}

func (s *service) EndSessions(ctx context.Context, by *identity.Caller) (Session, error) {
	return s.restart(ctx, by.ID, "user.sessions_ended", func(_ *gorm.DB, u *User) error { return u.admits(by) }, nil)
}

func (s *service) ChangePassword(ctx context.Context, by *identity.Caller, current, password string) (Session, bool, error) {
	if err := CheckPassword(password); err != nil {
		return Session{}, false, errs.New(errs.Invalid, err.Error())
	}
	seen, err := s.byID(ctx, by.ID)
	if err != nil {
		return Session{}, false, err
	}
	if ok, err := s.hasher.Verify(ctx, seen.HashedPassword, current); err != nil || !ok {
		return Session{}, false, err
	}
	hash, err := s.hasher.Hash(ctx, password)
	if err != nil {
		return Session{}, true, err
	}
	session, err := s.restart(ctx, by.ID, "user.password_changed", func(_ *gorm.DB, u *User) error {
		if u.HashedPassword != seen.HashedPassword {
			return errNoUser()
		}
		return u.admits(by)
	}, setPassword(hash))
	return session, true, err
}

// admits fails with errs.NotFound when the caller, believed to be signed in a moment ago, is so no more. What hands out
// a new token asks it under the lock of the account: a session that was ended elsewhere must not live on in a fresh one.
func (u *User) admits(by *identity.Caller) error {
	if !u.IsActive || u.ended(by.Since) {
		return errNoUser()
	}
	return nil
}

// restart makes a change to an account that may be made, ends its tokens and returns the session that goes on. It is
// recorded as the action, of the account's owner.
func (s *service) restart(ctx context.Context, id, action string, may func(tx *gorm.DB, u *User) error, change change) (session Session, err error) {
	err = s.once(ctx, func(tx *gorm.DB) (time.Duration, error) {
		u, err := lock(tx, id, forUpdate)
		if err != nil {
			return 0, err
		}
		if err := may(tx, u); err != nil {
			return 0, err
		}
		if wait := pending(u, time.Now()); wait > 0 {
			return wait, nil
		}
		if err := endSessions(tx, u, change); err != nil {
			return 0, err
		}
		session = Session{UserID: u.ID, Since: *u.TokensValidAfter}
		return 0, s.audit.Record(audit.As(ctx, audit.User(u.ID, u.Email)), tx, audit.Event{Action: action, Target: target(u)})
	})
	s.accounts.Invalidate(id)
	return session, err
}

// change is what is done to a locked account beside ending its sessions; it may add columns to set. nil does nothing.
type change func(tx *gorm.DB, u *User, columns map[string]any) error

// endSessions ends the tokens of a locked account and makes the change.
func endSessions(tx *gorm.DB, u *User, change change) error {
	after := cutoff(u, time.Now())
	u.TokensValidAfter = &after
	columns := map[string]any{"tokens_valid_after": after}
	if change != nil {
		if err := change(tx, u, columns); err != nil {
			return err
		}
	}
	return update(tx, u.ID, columns)
}
