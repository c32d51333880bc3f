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
	web.Apply(c, &r.Password, allowed, "password")
	web.Apply(c, &r.FullName, users.CleanName, "full_name")
}

func allowed(password string) (string, error) { return password, users.CheckPassword(password) }

// passwordChange is a new password, with the one that is known to the owner of the account alone.
type passwordChange struct {
	CurrentPassword string `json:"current_password" writeOnly:"true"`
	NewPassword     string `json:"new_password" writeOnly:"true"`
}

var _ web.Checker = (*passwordChange)(nil)

// Check sees to the rules for passwords.
func (p *passwordChange) Check(c *web.Check) { web.Apply(c, &p.NewPassword, allowed, "new_password") }

// passwordReset is a new password, with a token that stands for the one that was lost.
type passwordReset struct {
	Token       string `json:"token" writeOnly:"true"`
	NewPassword string `json:"new_password" writeOnly:"true"`
}

var _ web.Checker = (*passwordReset)(nil)

// Check sees to the rules for passwords.
func (p *passwordReset) Check(c *web.Check) { web.Apply(c, &p.NewPassword, allowed, "new_password") }

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
