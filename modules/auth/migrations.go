package auth

import "portico.internal/platform/migrate"

var migrations = []migrate.Step{
	{
		Revision: "eebfbf5e4f3f",
		Up: migrate.SQL(`CREATE TABLE login_failures (
			id VARCHAR(36) PRIMARY KEY,
			address_key VARCHAR(64) NOT NULL,
			account_key VARCHAR(64) NOT NULL,
			failed_at BIGINT NOT NULL
		)`,
			`CREATE INDEX ix_login_failures_address_key ON login_failures (address_key, failed_at)`,
			`CREATE INDEX ix_login_failures_failed_at ON login_failures (failed_at)`),
		Adds: []string{"login_failures.id", "login_failures.address_key", "login_failures.account_key", "login_failures.failed_at"},
	},
}
