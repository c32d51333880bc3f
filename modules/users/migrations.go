package users

import (
	"gorm.io/gorm"

	"portico.internal/platform/migrate"
)

var migrations = []migrate.Step{
	{
		Revision: "38efeff7c45a",
		Up: migrate.SQL(`CREATE TABLE users (
			id VARCHAR(36) NOT NULL,
			email VARCHAR(320) NOT NULL,
			full_name VARCHAR(255),
			hashed_password VARCHAR(255) NOT NULL,
			is_active BOOLEAN NOT NULL DEFAULT true,
			is_superuser BOOLEAN NOT NULL DEFAULT false,
			created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
			updated_at TIMESTAMPTZ NOT NULL DEFAULT now(),
			PRIMARY KEY (id)
		)`,
			`CREATE UNIQUE INDEX ix_users_email ON users (email)`),
		Adds: []string{
			"users.id", "users.email", "users.full_name", "users.hashed_password",
			"users.is_active", "users.is_superuser", "users.created_at", "users.updated_at",
		},
	},
	{
		Revision: "c7e8f9a0b1d2",
		Up:       migrate.SQL(`ALTER TABLE users ADD COLUMN dashboard_app_ids JSON NOT NULL DEFAULT '[]'`),
		Adds:     []string{"users.dashboard_app_ids"},
	},
	{
		Revision: "dd6ad2f2c211",
		Up:       migrate.SQL(`ALTER TABLE users ADD COLUMN color_mode VARCHAR(10)`),
		Adds:     []string{"users.color_mode"},
	},
	{
		Revision: "95862892551e",
		Up: migrate.SQL(`ALTER TABLE users ADD COLUMN tokens_valid_after TIMESTAMPTZ`,
			`CREATE INDEX ix_users_superusers ON users (id) WHERE is_superuser`),
		Adds: []string{"users.tokens_valid_after"},
	},
	{
		Revision: "fc276a72642b",
		Up: migrate.SQL(`CREATE TABLE password_resets (
			user_id VARCHAR(36) NOT NULL,
			token_hash VARCHAR(64) NOT NULL,
			expires_at TIMESTAMPTZ NOT NULL,
			PRIMARY KEY (user_id),
			FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE,
			UNIQUE (token_hash)
		)`),
		Adds: []string{"password_resets.user_id", "password_resets.token_hash", "password_resets.expires_at"},
	},
	{
		Revision: "a82967c36492",
		Up:       addEmailKeys,
		Adds:     []string{"users.email_key"},
	},
}

// addEmailKeys makes accounts findable in any spelling. The addresses themselves stay as they are, for the FastAPI backend
// finds its accounts by them; that two are spellings of one is no reason to fail, so the index is not unique.
func addEmailKeys(tx *gorm.DB) error {
	if err := migrate.SQL(`ALTER TABLE users ADD COLUMN email_key VARCHAR(700)`)(tx); err != nil {
		return err
	}
	if err := addKeys(tx); err != nil {
		return err
	}
	return migrate.SQL(`CREATE INDEX ix_users_email_key ON users (email_key)`)(tx)
}
