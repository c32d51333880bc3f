package groups

import "portico.internal/platform/migrate"

var migrations = []migrate.Step{
	{
		Revision: "a3f9c2d14e87",
		Up: migrate.SQL(`CREATE TABLE groups (
			id VARCHAR(36) NOT NULL,
			name VARCHAR(128) NOT NULL,
			description VARCHAR(512),
			created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
			updated_at TIMESTAMPTZ NOT NULL DEFAULT now(),
			PRIMARY KEY (id)
		)`,
			`CREATE UNIQUE INDEX ix_groups_name ON groups (name)`,
			`CREATE TABLE group_memberships (
			group_id VARCHAR(36) NOT NULL,
			user_id VARCHAR(36) NOT NULL,
			joined_at TIMESTAMPTZ NOT NULL DEFAULT now(),
			PRIMARY KEY (group_id, user_id),
			FOREIGN KEY (group_id) REFERENCES groups (id) ON DELETE CASCADE,
			FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE
		)`,
			`CREATE INDEX ix_group_memberships_user_id ON group_memberships (user_id)`),
		Adds: []string{
			"groups.id", "groups.name", "groups.description", "groups.created_at", "groups.updated_at",
			"group_memberships.group_id", "group_memberships.user_id", "group_memberships.joined_at",
		},
	},
	{
		Revision: "e1f2a3b4c5d6",
		Up:       migrate.SQL(`ALTER TABLE group_memberships ADD COLUMN is_group_admin BOOLEAN NOT NULL DEFAULT false`),
		Adds:     []string{"group_memberships.is_group_admin"},
	},
}
