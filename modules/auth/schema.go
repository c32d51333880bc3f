package auth

import (
	"portico.internal/modules/users"
	"portico.internal/platform/web"
)

// registration is what a new account is made of.
type registration struct {
	Email    string  `json:"email"`
	Password string  `json:"password" writeOnly:"true"`
	FullName *string `json:"full_name,omitempty" nullable:"true"`
}

var _ web.Checker = (*registration)(nil)

// Check brings the fields into the form in which they are stored.
func (r *registration) Check(c *web.Check) {
	web.Apply(c, &r.Email, users.CanonicalEmail, "email")
	web.Apply(c, &r.Password, func(p string) (string, error) { return p, users.CheckPassword(p) }, "password")
	web.Apply(c, &r.FullName, users.CleanName, "full_name")
}

// credentials are the form of the OAuth 2 password flow (RFC 6749, 4.3.2), as FastAPI has it.
type credentials struct {
	GrantType string `json:"grant_type,omitempty" pattern:"^password$"`
	Username  string `json:"username"`
	Password  string `json:"password" writeOnly:"true"`
}

type accessToken struct {
	AccessToken string `json:"access_token"`
	TokenType   string `json:"token_type" enum:"bearer"`
}
