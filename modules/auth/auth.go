// Package auth lets people in: registration, login, and the tokens that name the caller of every other request.
package auth

import (
	"errors"

	"portico.internal/modules/users"
	"portico.internal/platform/backup"
	"portico.internal/platform/config"
	"portico.internal/platform/identity"
	"portico.internal/platform/module"
)

// Module adds registration and login to the gateway, and is its authenticator.
var Module = module.New("auth",
	module.Config[Config]("auth"),
	module.Backup(backup.Part{Files: backup.Static(privateFile, publicFile)}),
	module.Migrations(migrations...),
	module.Provide(tokensOf, newAttempts, newService, newHandler, newFirstAdmin),
	module.Export(func(s *service) identity.Authenticator { return s }),
	module.Routes((*handler).routes),
	module.Metrics[*attempts](),
	module.Probe("keys", (*service).keysWork),
	module.OnStart((*firstAdmin).ensure),
	module.Command(keysCommand),
)

// Config says with what tokens are signed, how long they last, and who may come in.
type Config struct {
	PrivateKey             string `yaml:"private_key" env:"JWT_PRIVATE_KEY" validate:"max=16384" secret:"true" doc:"Signs tokens: RSA of 4096 bits or more, in PEM or PEM with literal \\n. Both keys empty: a pair is made in data_dir."`
	PublicKey              string `yaml:"public_key" env:"JWT_PUBLIC_KEY" validate:"max=16384" secret:"true" doc:"Verifies tokens: the other half of private_key."`
	ExpireMinutes          int    `yaml:"expire_minutes" env:"EXPIRE_MINUTES" default:"480" validate:"min=1,max=480" doc:"How long a token lasts."`
	Registration           string `yaml:"registration" env:"PORTICO_REGISTRATION" default:"open" validate:"oneof=open closed" doc:"open: anybody may make an account. closed: register answers 404."`
	AdminEmail             string `yaml:"admin_email" env:"PORTICO_ADMIN_EMAIL" validate:"max=320" doc:"The first administrator, made at a start that finds none."`
	AdminPassword          string `yaml:"admin_password" env:"PORTICO_ADMIN_PASSWORD" validate:"max=72" secret:"true" doc:"The first administrator's password."`
	LoginFailuresPerMinute int    `yaml:"login_failures_per_minute" env:"PORTICO_LOGIN_FAILURES_PER_MINUTE" default:"10" validate:"min=0,max=1000" doc:"Failed logins to an account from one address, at all replicas together; ten times as many from one address to all accounts. 0 turns throttling off."`
}

var _ config.Checker = (*Config)(nil)

// Check looks at the keys and at the first administrator.
func (c *Config) Check() []config.Problem {
	var problems []config.Problem
	add := func(setting string, fault error) {
		if fault != nil {
			problems = append(problems, config.Problem{Setting: setting, Text: fault.Error()})
		}
	}
	if c.hasKeys() {
		_, faults := c.keys().parse()
		add("private_key", faults.private)
		add("public_key", faults.public)
	}
	switch {
	case c.AdminEmail == "" && c.AdminPassword == "":
	case c.AdminEmail == "":
		add("admin_email", errNoAdminEmail)
	case c.AdminPassword == "":
		add("admin_password", errNoAdminPassword)
	default:
		if _, err := users.CanonicalEmail(c.AdminEmail); err != nil {
			add("admin_email", errors.New("must be an e-mail address"))
		}
		add("admin_password", users.CheckPassword(c.AdminPassword))
	}
	return problems
}

func (c *Config) hasKeys() bool { return c.PrivateKey != "" || c.PublicKey != "" }

func (c *Config) keys() keyPEM { return keyPEM{c.PrivateKey, c.PublicKey} }
