package groups

import (
	"gorm.io/gorm"

	"portico.internal/platform/migrate"
)

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
	{
		Revision: "59d0634b5688",
		Up:       addNameKeys,
		Adds:     []string{"groups.name_key"},
	},
}

// addNameKeys gives every group its key. Where names differ by case only, the oldest group gets the key and the others
// one of their own.
func addNameKeys(tx *gorm.DB) error {
	if err := migrate.SQL(`ALTER TABLE groups ADD COLUMN name_key VARCHAR(512)`)(tx); err != nil {
		return err
	}
	var rows []struct{ ID, Name string }
	if err := tx.Raw("SELECT id, name FROM groups ORDER BY created_at, id").Scan(&rows).Error; err != nil {
		return err
	}
	taken := map[string]bool{}
	for _, row := range rows {
		key := NameKey(row.Name)
		if taken[key] {
			key += twin + row.ID
		}
		taken[key] = true
		if err := tx.Exec("UPDATE groups SET name_key = ? WHERE id = ?", key, row.ID).Error; err != nil {
			return err
		}
	}
	return migrate.SQL(`CREATE UNIQUE INDEX ix_groups_name_key ON groups (name_key)`)(tx)
}
