package users

import (
	"portico.internal/platform/sanitize"
	"portico.internal/platform/web"
)

// UserOut is an account as its owner sees it.
type UserOut struct {
	ID        string  `json:"id"`
	Email     string  `json:"email"`
	FullName  *string `json:"full_name"`
	IsActive  bool    `json:"is_active"`
	IsAdmin   bool    `json:"is_admin"`
	ColorMode *string `json:"color_mode"`
}

func userOut(u *User) UserOut {
	return UserOut{u.ID, u.Email, u.FullName, u.IsActive, u.IsSuperuser, u.ColorMode}
}

type preferences struct {
	AppIDs []string `json:"app_ids"`
}

type preferencesUpdate struct {
	AppIDs web.Optional[[]string] `json:"app_ids,omitzero" maxItems:"50" minLength:"1" maxLength:"64" pattern:"^[a-zA-Z0-9_-]+$"` // of each
}

type colorModeUpdate struct {
	ColorMode web.Optional[string] `json:"color_mode,omitzero" enum:"light,dark,system" nullable:"true"`
}

// selfUpdate is what users may change about their own account.
type selfUpdate struct {
	FullName web.Optional[string] `json:"full_name,omitzero" nullable:"true"`
}

var _ web.Checker = (*selfUpdate)(nil)

// Check brings the fields into the form in which they are stored.
func (u *selfUpdate) Check(c *web.Check) { web.Apply(c, &u.FullName, cleanOptionalName, "full_name") }

const maxName = 255

// CleanName returns the name as it is stored (see [sanitize.Line]), nil for nil. It fails with errs.Invalid when more
// than 255 characters are left.
func CleanName(name *string) (*string, error) {
	if name == nil {
		return nil, nil
	}
	clean := sanitize.Line(*name)
	if err := web.AtMost(maxName, clean); err != nil {
		return nil, err
	}
	return &clean, nil
}

func cleanOptionalName(name web.Optional[string]) (web.Optional[string], error) {
	clean, err := CleanName(name.Pointer())
	if clean != nil {
		name.Value = *clean
	}
	return name, err
}
