// Package users owns accounts: who there is, their passwords, and what they prefer.
package users

import (
	"context"
	"time"

	"go.uber.org/fx"
	"gorm.io/gorm"

	"portico.internal/platform/identity"
	"portico.internal/platform/module"
)

// Module adds accounts to the gateway.
var Module = WithCost(Cost)

// WithCost is [Module] with another bcrypt cost. Only tests lower it.
func WithCost(cost int) module.Module {
	return module.New("users",
		module.Migrations(migrations...),
		module.Provide(
			func(life fx.Lifecycle) *Hasher {
				h := NewHasher(cost)
				life.Append(fx.StopHook(h.Close))
				return h
			},
			newService, newHandler,
		),
		module.Export(func(s *service) Accounts { return s }),
		module.Routes((*handler).routes),
		module.Metrics[*Hasher](),
		module.Command(adminCommand),
	)
}

// Accounts is what other modules may ask of this one. Every method fails with errs.Unavailable when the database or
// the hashing of passwords cannot keep up.
type Accounts interface {
	// Register makes an ordinary account. It fails with errs.BadRequest when the address is taken, and with errs.Invalid
	// when the address, the password or the name breaks a rule (see [CanonicalEmail], [CheckPassword], [CleanName]).
	Register(ctx context.Context, email, password string, fullName *string) (UserOut, error)

	// SignIn begins a session when the password is that of the active account with this address. It takes the same time
	// for unknown and inactive accounts and for passwords that nobody can have. The session names the account with the
	// address, nobody when there is none, whether the password is right or not. What then does is part of the transaction
	// in which the session begins, and its error ends it.
	SignIn(ctx context.Context, email, password string, then func(tx *gorm.DB, begun Session) error) (session Session, ok bool, err error)

	// Identity returns the active user with the id, for a token issued at that time, as the database had it at most a
	// second ago, and at once after a change made by this process. It fails with errs.NotFound when there is none or the
	// tokens of that time have ended.
	Identity(ctx context.Context, id string, issued time.Time) (*identity.Caller, error)

	// EndSessions ends all sessions of the caller and begins another. It fails with errs.NotFound when the caller's own
	// has ended before.
	EndSessions(ctx context.Context, by *identity.Caller) (Session, error)

	// ChangePassword gives the caller a new password when the current one is right, ends all sessions and begins another.
	// It fails as EndSessions and Register do. When ok is false the current password was wrong, or was not looked at.
	ChangePassword(ctx context.Context, by *identity.Caller, current, password string) (session Session, ok bool, err error)

	// ResetPassword gives a new password to the active user for whom an administrator has had the token made, ends all
	// sessions and begins another. It fails with errs.BadRequest for a token that is unknown, used or expired, and with
	// errs.Invalid for a password that breaks a rule.
	ResetPassword(ctx context.Context, token, password string) (Session, error)

	// Own returns the account of an active user as its owner sees it, and the apps on the user's dashboard, as recent as
	// what Identity returns. It fails with errs.Unauthenticated when there is none any more. The slice must not be changed.
	Own(ctx context.Context, id string) (account UserOut, appIDs []string, err error)

	// Account returns an account as administrators see it. It fails with errs.NotFound when there is none.
	Account(ctx context.Context, id string) (UserAdminOut, error)

	// EnsureAdmin makes the first superuser. It does nothing, and says so, when there is a superuser already, also when
	// several processes try at once. With an empty password it makes one and returns it, to be shown once. It fails as
	// Register does; an ordinary account with the address is not promoted, for anybody may have made it.
	EnsureAdmin(ctx context.Context, email, password string) (shown string, made bool, err error)
}

// Session is what a token may be issued for. Since is the time of issue that it must carry: a whole second, at most the
// next one.
type Session struct {
	UserID  string
	Since   time.Time
	Refused string // why it has not begun, for administrators alone
}

// Listed is a relation in SQL with what other modules may show of users beside their own rows: id, email, full_name and
// is_active, one row for each account, of which id and email are unique; and what to find them by: email_key, which is the
// [EmailKey] of the address, and created_at, for of several accounts with one key the oldest counts. It is for joining,
// never for writing, so that a list costs one query: JOIN (` + users.Listed + `) AS u ON u.id = m.user_id. Both databases
// plan it as the bare table.
const Listed = "SELECT id, email, email_key, full_name, is_active, created_at FROM users"

// GroupCount is how many groups a user is in: a scalar subquery in SQL over users.id, so that a list of accounts costs
// one query. The module that owns memberships exports it; without one nobody is in any.
type GroupCount string
