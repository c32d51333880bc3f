package profile

import "portico.internal/platform/migrate"

var migrations = []migrate.Step{
	{
		Revision: "676084df61d1",
		Up: migrate.SQL(`CREATE TABLE profiles (
			id VARCHAR(36) NOT NULL,
			user_id VARCHAR(36) NOT NULL,
			phone VARCHAR(20),
			date_of_birth DATE,
			position VARCHAR(128),
			address VARCHAR(255),
			created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
			updated_at TIMESTAMPTZ NOT NULL DEFAULT now(),
			PRIMARY KEY (id),
			FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE,
			UNIQUE (user_id)
		)`),
		Adds: []string{
			"profiles.id", "profiles.user_id", "profiles.phone", "profiles.date_of_birth",
			"profiles.position", "profiles.address", "profiles.created_at", "profiles.updated_at",
		},
	},
}
