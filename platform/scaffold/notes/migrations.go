package notes

import "portico.internal/platform/migrate"

var migrations = []migrate.Step{
	{
		Revision: "000000000000",
		Up: migrate.SQL(`CREATE TABLE notes_items (
			id VARCHAR(36) NOT NULL,
			user_id VARCHAR(36) NOT NULL,
			title VARCHAR(200) NOT NULL,
			created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
			PRIMARY KEY (id),
			FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE
		)`,
			`CREATE INDEX ix_notes_items_user_id ON notes_items (user_id, created_at)`),
		Adds: []string{"notes_items.id", "notes_items.user_id", "notes_items.title", "notes_items.created_at"},
	},
}
