package users

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm"

	"portico.internal/platform/audit"
	"portico.internal/platform/database"
	"portico.internal/platform/errs"
	"portico.internal/platform/identity"
	"portico.internal/platform/listing"
	"portico.internal/platform/web"
)

// asAdmin runs a change that only an administrator may make, to the account with the id, nil when there is none. The
// caller must be an administrator still at the commit, so that of two who remove each other one remains, and one removed
// elsewhere a moment ago does nothing more. How many active ones there are does not change meanwhile either.
func (s *service) asAdmin(ctx context.Context, by *identity.Caller, id string, change func(tx *gorm.DB, u *User, admins int) error) error {
	err := database.Write(ctx, s.db, func(tx *gorm.DB) error {
		var rows []User // all in one statement and one order, so that nobody waits for each other
		err := tx.Clauses(forUpdate).Where("(is_superuser AND is_active) OR id = ?", id).Order("id").Find(&rows).Error
		if err != nil {
			return err
		}
		var caller, target *User
		admins := 0
		for i := range rows {
			u := &rows[i]
			if u.ID == id {
				target = u
			}
			if u.IsSuperuser && u.IsActive {
				admins++
				if u.ID == by.ID {
					caller = u
				}
			}
		}
		switch {
		case caller == nil:
			return errs.New(errs.NotFound, "")
		case caller.ended(by.Since):
			return errEnded()
		}
		return change(tx, target, admins)
	})
	s.accounts.Invalidate(id) // also after an error: the commit may have happened all the same
	return err
}

// account reads an account as administrators see it.
func (s *service) account(tx *gorm.DB, id string) (*UserAdminOut, error) {
	var list []UserAdminOut
	err := s.listed(tx).Where("users.id = ?", id).Scan(&list).Error
	if err == nil && len(list) == 0 {
		err = errNoUser()
	}
	if err != nil {
		return nil, err
	}
	return &list[0], nil
}

// listed selects accounts as administrators see them.
func (s *service) listed(db *gorm.DB) *gorm.DB {
	return db.Table("users").Select("users.id, users.email, users.full_name, users.is_active, users.is_superuser AS is_admin, " +
		"users.color_mode, users.dashboard_app_ids, " + string(s.groupCount) + " AS group_count")
}

// directory is in which ways accounts can be listed.
var directory = listing.List[UserAdminOut]{
	Search: []string{"email", "full_name"},
	Sorts: map[string]listing.Key[UserAdminOut]{
		"id":          {Expr: "id", Of: func(u *UserAdminOut) any { return u.ID }},
		"email":       {Expr: "email", Of: func(u *UserAdminOut) any { return u.Email }},
		"full_name":   {Expr: "COALESCE(full_name, '')", Of: func(u *UserAdminOut) any { return text(u.FullName) }},
		"is_active":   {Expr: "is_active", Of: func(u *UserAdminOut) any { return u.IsActive }},
		"is_admin":    {Expr: "is_admin", Of: func(u *UserAdminOut) any { return u.IsAdmin }},
		"color_mode":  {Expr: "COALESCE(color_mode, '')", Of: func(u *UserAdminOut) any { return text(u.ColorMode) }},
		"group_count": {Expr: "group_count", Of: func(u *UserAdminOut) any { return u.GroupCount }},
	},
	Default: "email",
	ID:      listing.Key[UserAdminOut]{Expr: "id", Of: func(u *UserAdminOut) any { return u.ID }},
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func (s *service) list(ctx context.Context, q listing.Query) (*listing.Out[UserAdminOut], error) {
	return directory.Run(ctx, s.listed(s.db), q)
}

func (s *service) Account(ctx context.Context, id string) (UserAdminOut, error) {
	u, err := s.account(s.db.WithContext(ctx), id)
	if err != nil {
		return UserAdminOut{}, err
	}
	return *u, nil
}

// add makes an account for somebody.
func (s *service) add(ctx context.Context, by *identity.Caller, a adminCreate) (*UserAdminOut, error) {
	u, err := draft(a.Email, a.Password, a.FullName)
	if err != nil {
		return nil, err
	}
	u.IsSuperuser = a.IsAdmin
	var out *UserAdminOut
	err = s.hashAndStore(ctx, u, a.Password, func() error {
		return s.asAdmin(ctx, by, u.ID, func(tx *gorm.DB, _ *User, _ int) (err error) {
			if err := s.insert(ctx, tx, u, "user.created"); err != nil {
				return err
			}
			out, err = s.account(tx, u.ID)
			return err
		})
	})
	if err != nil {
		return nil, err
	}
	s.note(ctx, by, "user created", u.ID, slog.String("email", u.Email), slog.Bool("is_admin", u.IsSuperuser))
	return out, nil
}

// remove deletes an account, and what others keep of it with it. As the caller is an administrator who stays, it never is
// the last one.
func (s *service) remove(ctx context.Context, by *identity.Caller, id string) error {
	if id == by.ID {
		return errs.New(errs.BadRequest, "Cannot delete your own account")
	}
	err := s.asAdmin(ctx, by, id, func(tx *gorm.DB, u *User, _ int) error {
		if u == nil {
			return errNoUser()
		}
		if err := tx.Where("id = ?", id).Delete(&User{}).Error; err != nil {
			return err
		}
		return s.audit.Record(ctx, tx, audit.Event{Action: "user.deleted", Target: target(u), Changes: audit.Diff(userOut(u), nil)})
	})
	if err == nil {
		s.note(ctx, by, "user deleted", id)
	}
	return err
}

// setActive lets an account in, or keeps it out and ends its sessions, as decide says of what is. For the last
// administrator see [service.remove].
func (s *service) setActive(ctx context.Context, by *identity.Caller, id string, decide func(active bool) bool) (*UserAdminOut, error) {
	return s.change(ctx, by, id, func(_ *gorm.DB, u *User, _ int) (map[string]any, error) {
		active := decide(u.IsActive)
		switch {
		case active == u.IsActive:
			return nil, nil
		case id == by.ID:
			return nil, errs.New(errs.BadRequest, "Cannot deactivate your own account")
		case active:
			return map[string]any{"is_active": true}, nil
		}
		return map[string]any{"is_active": false, "tokens_valid_after": cutoff(u, time.Now())}, nil
	})
}

// edit changes who an account belongs to and what it may do. One that is an administrator no more loses its sessions.
func (s *service) edit(ctx context.Context, by *identity.Caller, id string, e adminUpdate) (*UserAdminOut, error) {
	return s.change(ctx, by, id, func(tx *gorm.DB, u *User, admins int) (map[string]any, error) {
		changes := map[string]any{}
		if e.FullName.Set {
			changes["full_name"] = e.FullName.Pointer()
		}
		if e.Email.Set && e.Email.Value != EmailKey(u.Email) { // the same in another spelling is no change
			if err := free(tx, e.Email.Value, id); err != nil {
				return nil, err
			}
			changes["email"], changes["email_key"] = e.Email.Value, e.Email.Value
		}
		if e.IsAdmin.Set && e.IsAdmin.Value != u.IsSuperuser {
			changes["is_superuser"] = e.IsAdmin.Value
			if u.IsSuperuser {
				changes["tokens_valid_after"] = cutoff(u, time.Now())
			}
			if id == by.ID && admins == 1 { // whoever demotes another stays
				return nil, errs.New(errs.BadRequest, "At least one active administrator must remain")
			}
		}
		return changes, nil
	})
}

// change sets columns of an account, none if there are none to set, and returns it as it is then.
func (s *service) change(ctx context.Context, by *identity.Caller, id string, decide func(tx *gorm.DB, u *User, admins int) (map[string]any, error)) (*UserAdminOut, error) {
	var out *UserAdminOut
	var changes map[string]any
	err := s.asAdmin(ctx, by, id, func(tx *gorm.DB, u *User, admins int) (err error) {
		if u == nil {
			return errNoUser()
		}
		if changes, err = decide(tx, u, admins); err != nil {
			return err
		}
		if len(changes) > 0 {
			if err := update(tx, id, changes); err != nil {
				return err
			}
		}
		if out, err = s.account(tx, id); err != nil {
			return err
		}
		action := "user.changed"
		if out.IsActive != u.IsActive {
			action = map[bool]string{true: "user.activated", false: "user.deactivated"}[out.IsActive]
		}
		return s.audit.Record(ctx, tx, audit.Event{Action: action, Target: target(u), Changes: audit.Diff(userOut(u), out.UserOut)})
	})
	if errors.Is(err, gorm.ErrDuplicatedKey) {
		err = errTaken()
	}
	if err != nil {
		return nil, err
	}
	if len(changes) > 0 {
		s.note(ctx, by, "user changed", id, slog.String("columns", strings.Join(slices.Sorted(maps.Keys(changes)), " ")),
			slog.Bool("is_active", out.IsActive), slog.Bool("is_admin", out.IsAdmin))
	}
	return out, nil
}

// note logs who has done what to whom.
func (s *service) note(ctx context.Context, by *identity.Caller, what, target string, more ...slog.Attr) {
	s.log.LogAttrs(ctx, slog.LevelInfo, what, append([]slog.Attr{
		slog.String("actor", by.ID), slog.String("target", target), slog.String("address", web.ClientAddr(ctx)),
	}, more...)...)
}
