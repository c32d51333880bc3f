package users

import (
	"time"

	"portico.internal/platform/database"
	"portico.internal/platform/web"
)

// UserAdminOut is an account as administrators see it.
type UserAdminOut struct {
	UserOut
	DashboardAppIDs database.Strings `json:"dashboard_app_ids"`
	GroupCount      int64            `json:"group_count"`
}

// adminCreate is an account that an administrator makes.
type adminCreate struct {
	Email    string  `json:"email"`
	Password string  `json:"password" writeOnly:"true"`
	FullName *string `json:"full_name,omitempty" nullable:"true"`
	IsAdmin  bool    `json:"is_admin,omitempty"`
}

var _ web.Checker = (*adminCreate)(nil)

// Check brings the fields into the form in which they are stored.
func (a *adminCreate) Check(c *web.Check) {
	web.Apply(c, &a.Email, CanonicalEmail, "email")
	web.Apply(c, &a.Password, allowedPassword, "password")
	web.Apply(c, &a.FullName, CleanName, "full_name")
}

func allowedPassword(p string) (string, error) { return p, CheckPassword(p) }

// adminUpdate is what administrators may change about an account.
type adminUpdate struct {
	FullName web.Optional[string] `json:"full_name,omitzero" nullable:"true"`
	Email    web.Optional[string] `json:"email,omitzero"`
	IsAdmin  web.Optional[bool]   `json:"is_admin,omitzero"`
}

var _ web.Checker = (*adminUpdate)(nil)

// Check brings the fields into the form in which they are stored.
func (u *adminUpdate) Check(c *web.Check) {
	web.Apply(c, &u.FullName, cleanOptionalName, "full_name")
	if u.Email.Set {
		web.Apply(c, &u.Email.Value, CanonicalEmail, "email")
	}
}

// activeUpdate says whether an account may be used. Without a body the opposite of what is becomes so.
type activeUpdate struct {
	IsActive web.Optional[bool] `json:"is_active,omitzero"`
}

// decide says whether an account that is active or not shall be.
func (u *activeUpdate) decide(active bool) bool {
	switch {
	case u == nil:
		return !active
	case u.IsActive.Set:
		return u.IsActive.Value
	}
	return active
}

// passwordUpdate is a password that an administrator chooses for a user.
type passwordUpdate struct {
	NewPassword string `json:"new_password" writeOnly:"true"`
}

var _ web.Checker = (*passwordUpdate)(nil)

// Check sees to the rules for passwords.
func (u *passwordUpdate) Check(c *web.Check) {
	web.Apply(c, &u.NewPassword, allowedPassword, "new_password")
}

// resetOut is a token for POST /api/auth/reset, shown this once.
type resetOut struct {
	Token     string    `json:"token"`
	ExpiresAt time.Time `json:"expires_at"`
}
