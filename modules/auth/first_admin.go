package auth

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"portico.internal/modules/users"
	"portico.internal/platform/config"
	"portico.internal/platform/errs"
	"portico.internal/platform/module"
)

// generatedEmail is who the first administrator is where nobody has said.
const generatedEmail = "admin@example.com"

var (
	errNoAdminEmail    = errors.New("is missing beside auth.admin_password (PORTICO_ADMIN_PASSWORD); set both or none")
	errNoAdminPassword = errors.New("is missing beside auth.admin_email (PORTICO_ADMIN_EMAIL); set both or none")
)

// firstAdmin sees to it that a new gateway has an administrator.
type firstAdmin struct {
	config   Config
	embedded bool // the database
	accounts users.Accounts
	log      *slog.Logger
	console  module.Console
}

func newFirstAdmin(c Config, base config.Base, accounts users.Accounts, log *slog.Logger, console module.Console) *firstAdmin {
	return &firstAdmin{c, base.Database.URL == "", accounts, log, console}
}

// ensure makes the configured administrator, or where nothing is configured, the database included, one of its own,
// whose password it shows. It does nothing where there is an administrator.
func (f *firstAdmin) ensure(ctx context.Context) error {
	switch {
	case f.config.AdminEmail != "":
		return f.configured(ctx)
	case f.embedded:
		return f.generated(ctx)
	}
	return nil
}

func (f *firstAdmin) configured(ctx context.Context) error {
	_, made, err := f.accounts.EnsureAdmin(ctx, f.config.AdminEmail, f.config.AdminPassword)
	switch {
	case errs.KindOf(err) == errs.BadRequest:
		return errors.New("auth.admin_email (PORTICO_ADMIN_EMAIL): an account without admin rights has this address; choose another, or delete that account")
	case err != nil:
		return fmt.Errorf("cannot make the first administrator: %w", err)
	case made:
		f.log.InfoContext(ctx, "first administrator made", "email", f.config.AdminEmail)
	}
	return nil
}

func (f *firstAdmin) generated(ctx context.Context) error {
	password, made, err := f.accounts.EnsureAdmin(ctx, generatedEmail, "")
	switch {
	case errs.KindOf(err) == errs.BadRequest: // somebody has registered it since; the gateway is of use all the same
		f.log.WarnContext(ctx, "there is no administrator; make one with: portico admin create --email E")
	case err != nil:
		return fmt.Errorf("cannot make the first administrator: %w", err)
	case made:
		f.log.InfoContext(ctx, "first administrator made", "email", generatedEmail)
		fmt.Fprintf(f.console, "The first administrator is %s with the password %s (shown once, here)\n", generatedEmail, password)
	}
	return nil
}
