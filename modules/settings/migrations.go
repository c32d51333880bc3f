package settings

import "portico.internal/platform/migrate"

var migrations = []migrate.Step{
	{
		Revision: "7c1e5a90b3d4",
		Up: migrate.SQL(`CREATE TABLE settings (
			key VARCHAR(200) PRIMARY KEY,
			value TEXT NOT NULL,
			version BIGINT NOT NULL DEFAULT 0,
			updated_at TIMESTAMPTZ NOT NULL,
			updated_by VARCHAR(36)
		)`,
			`CREATE TABLE setting_secrets (
			setting_key VARCHAR(200) NOT NULL REFERENCES settings (key) ON DELETE CASCADE,
			field VARCHAR(200) NOT NULL,
			sealed TEXT NOT NULL CONSTRAINT ck_setting_secrets_sealed CHECK (sealed LIKE 'v1.________________.%'),
			PRIMARY KEY (setting_key, field)
		)`,
			`CREATE TABLE setting_changes (
			id VARCHAR(36) PRIMARY KEY,
			key VARCHAR(200) NOT NULL,
			old_value TEXT,
			new_value TEXT,
			changed_at TIMESTAMPTZ NOT NULL,
			changed_by VARCHAR(36),
			changed_by_email VARCHAR(320),
			restored_from VARCHAR(36)
		)`,
			`CREATE INDEX ix_setting_changes_key ON setting_changes (key, changed_at)`,
			`CREATE INDEX ix_setting_changes_changed_at ON setting_changes (changed_at)`),
		Adds: []string{
			"settings.key", "settings.value", "settings.version", "settings.updated_at", "settings.updated_by",
			"setting_secrets.setting_key", "setting_secrets.field", "setting_secrets.sealed",
			"setting_changes.id", "setting_changes.key", "setting_changes.old_value", "setting_changes.new_value", "setting_changes.changed_at",
			"setting_changes.changed_by", "setting_changes.changed_by_email", "setting_changes.restored_from",
		},
	},
	{
		Revision: "2f8d6b41c9e7",
		Up: migrate.SQL(`CREATE TABLE themes (
			id VARCHAR(80) PRIMARY KEY,
			label VARCHAR(64) NOT NULL,
			colors TEXT NOT NULL,
			created_at TIMESTAMPTZ NOT NULL,
			updated_at TIMESTAMPTZ NOT NULL
		)`),
		Adds: []string{"themes.id", "themes.label", "themes.colors", "themes.created_at", "themes.updated_at"},
	},
	{
		Revision: "b94a07e3d15c",
		Up: migrate.SQL(`CREATE TABLE system_prompts (
			service_id VARCHAR(64) PRIMARY KEY,
			prompt TEXT,
			updated_at TIMESTAMPTZ NOT NULL,
			updated_by VARCHAR(36)
		)`),
		Adds: []string{"system_prompts.service_id", "system_prompts.prompt", "system_prompts.updated_at", "system_prompts.updated_by"},
	},
}
