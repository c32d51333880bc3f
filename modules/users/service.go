package users

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"portico.internal/platform/audit"
	"portico.internal/platform/database"
	"portico.internal/platform/errs"
	"portico.internal/platform/identity"
	"portico.internal/platform/module"
	"portico.internal/platform/recent"
	"portico.internal/platform/turns"
	"portico.internal/platform/web"
)

// cachedAccounts is of how many ids, of accounts and of none, the answer is kept at hand.
const cachedAccounts = 10_000

// service keeps the rules of accounts.
type service struct {
	db         *gorm.DB
	hasher     *Hasher
	groupCount GroupCount
	audit      *audit.Log
	log        *slog.Logger
	accounts   *recent.Cache[*account]
	turns      turns.Turns // one at a time, at an address or a token
}

var _ Accounts = (*service)(nil)

// account is what is kept at hand of a user; it is shared and never changed.
type account struct {
	user   User
	out    UserOut
	appIDs []string
}

func newService(db *gorm.DB, h *Hasher, groups module.Optional[GroupCount], a *audit.Log, log *slog.Logger) *service {
	s := &service{db: db, hasher: h, groupCount: cmp.Or(groups.Value, "0"), audit: a, log: log}
	s.turns.Patience, s.turns.Busy = maxWait, func() error { return busy(nil) }
	s.accounts = recent.New(cachedAccounts, s.load)
	return s
}

// turn waits until nobody else is at the key, as long as a hash may be waited for; see [turns.Turns.Take]. It fails as
// [Hasher.Hash] does when that or ctx ends.
func (s *service) turn(ctx context.Context, key string) (done func(error), err error) {
	done, err = s.turns.Take(ctx, turns.Key{Name: key, Limit: 1})
	if err != nil && ctx.Err() != nil {
		return nil, gone(ctx)
	}
	return done, err
}

func (s *service) Identity(ctx context.Context, id string, issued time.Time) (*identity.Caller, error) {
	a, err := s.active(ctx, id)
	switch {
	case err != nil:
		return nil, err
	case a.user.ended(issued):
		return nil, errNoUser()
	}
	return &identity.Caller{ID: a.user.ID, Email: a.user.Email, IsAdmin: a.user.IsSuperuser, Since: issued}, nil
}

func (s *service) Own(ctx context.Context, id string) (UserOut, []string, error) {
	a, err := s.active(ctx, id)
	if err != nil {
		return UserOut{}, nil, lost(err)
	}
	return a.out, a.appIDs, nil
}

// active returns the account of an active user. It fails with errs.NotFound when there is none.
func (s *service) active(ctx context.Context, id string) (*account, error) {
	if uuid.Validate(id) != nil || len(id) != len(uuid.Nil.String()) {
		return nil, errNoUser()
	}
	a, err := s.accounts.Get(ctx, id)
	switch {
	case err != nil:
		return nil, err
	case a == nil || !a.out.IsActive:
		return nil, errNoUser()
	}
	return a, nil
}

func errNoUser() error { return errs.New(errs.NotFound, "User not found") }

// errEnded is what any request of a session that has ended hears.
func errEnded() error { return errs.New(errs.Unauthenticated, "Could not validate credentials") }

// load reads an account, nil when there is none.
func (s *service) load(ctx context.Context, id string) (*account, error) {
	var u User
	err := s.db.WithContext(ctx).Where("id = ?", id).Take(&u).Error
	switch {
	case errors.Is(err, gorm.ErrRecordNotFound):
		return nil, nil
	case err != nil:
		return nil, err
	}
	return &account{u, userOut(&u), u.DashboardAppIDs}, nil
}

func (s *service) setAppIDs(ctx context.Context, id string, ids web.Optional[[]string]) (*account, error) {
	if !ids.Set {
		return s.active(ctx, id)
	}
	list := database.Strings{}
	for _, app := range ids.Value {
		if !slices.Contains(list, app) {
			list = append(list, app)
		}
	}
	return s.update(ctx, id, "dashboard_app_ids", list)
}

func (s *service) setColorMode(ctx context.Context, id string, mode web.Optional[string]) (*account, error) {
	if !mode.Set {
		return s.active(ctx, id)
	}
	return s.update(ctx, id, "color_mode", mode.Pointer())
}

func (s *service) setFullName(ctx context.Context, id string, name web.Optional[string]) (*account, error) {
	if !name.Set {
		return s.active(ctx, id)
	}
	err := database.Write(ctx, s.db, func(tx *gorm.DB) error {
		u, err := lock(tx, id, forUpdate)
		if err != nil {
			return err
		}
		before := userOut(u)
		u.FullName = name.Pointer()
		if err := update(tx, id, map[string]any{"full_name": u.FullName}); err != nil {
			return err
		}
		return s.audit.Record(ctx, tx, audit.Event{Action: "user.changed", Target: target(u), Changes: audit.Diff(before, userOut(u))})
	})
	s.accounts.Invalidate(id)
	if err != nil {
		return nil, err
	}
	return s.active(ctx, id)
}

// target is an account as the audit log names it.
func target(u *User) audit.Target { return audit.Target{Type: "user", ID: u.ID, Name: u.Email} }

// update sets one column of a user and returns the account as it is then.
func (s *service) update(ctx context.Context, id, column string, value any) (*account, error) {
	if err := s.set(ctx, id, column, value); err != nil {
		return nil, err
	}
	return s.active(ctx, id)
}

func (s *service) set(ctx context.Context, id, column string, value any) error {
	err := database.Write(ctx, s.db, func(tx *gorm.DB) error { return update(tx, id, map[string]any{column: value}) })
	s.accounts.Invalidate(id) // also after an error: the commit may have happened all the same
	return err
}

// update sets columns of a user. It never brings one back who was deleted meanwhile.
func update(tx *gorm.DB, id string, changes map[string]any) error {
	change := tx.Model(&User{}).Where("id = ?", id).Updates(changes)
	if change.Error == nil && change.RowsAffected == 0 {
		return errNoUser()
	}
	return change.Error
}
