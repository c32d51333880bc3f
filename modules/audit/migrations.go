package audit

import (
	"strings"

	"gorm.io/gorm"

	"portico.internal/platform/database"
	"portico.internal/platform/migrate"
)

var migrations = []migrate.Step{
	{
		Revision: "5d0c97b1e2a4",
		Up: func(tx *gorm.DB) error {
			// Ids and names of things sort by their bytes on both databases, which SQLite does anyway.
			collation, frozen := "", frozenSQLite
			if database.IsPostgres(tx) {
				collation, frozen = `COLLATE "C"`, frozenPostgres
			}
			table := strings.ReplaceAll(`CREATE TABLE audit_entries (
				id VARCHAR(36) BYTEWISE NOT NULL,
				at TIMESTAMPTZ NOT NULL,
				actor_kind VARCHAR(16) NOT NULL,
				actor_id VARCHAR(64) BYTEWISE,
				actor_name VARCHAR(320) BYTEWISE,
				action VARCHAR(64) BYTEWISE NOT NULL,
				target_type VARCHAR(64) BYTEWISE,
				target_id VARCHAR(200) BYTEWISE,
				target_name VARCHAR(320),
				outcome VARCHAR(16) NOT NULL,
				reason VARCHAR(200),
				changes TEXT,
				address VARCHAR(64) BYTEWISE,
				request_id VARCHAR(64) BYTEWISE,
				PRIMARY KEY (id)
			)`, "BYTEWISE", collation)
			return migrate.SQL(append([]string{
				table,
				`CREATE INDEX ix_audit_entries_actor_id ON audit_entries (actor_id, id)`,
				`CREATE INDEX ix_audit_entries_actor_name ON audit_entries (actor_name, id)`,
				`CREATE INDEX ix_audit_entries_action ON audit_entries (action, id)`,
				`CREATE INDEX ix_audit_entries_target_type ON audit_entries (target_type, id)`,
				`CREATE INDEX ix_audit_entries_target_id ON audit_entries (target_id, id)`,
				`CREATE INDEX ix_audit_entries_address ON audit_entries (address, id)`,
				`CREATE INDEX ix_audit_entries_request_id ON audit_entries (request_id)`,
				`CREATE INDEX ix_audit_entries_failures ON audit_entries (id) WHERE outcome = 'failure'`,
			}, frozen...)...)(tx)
		},
		Adds: []string{
			"audit_entries.id", "audit_entries.at", "audit_entries.actor_kind", "audit_entries.actor_id", "audit_entries.actor_name",
			"audit_entries.action", "audit_entries.target_type", "audit_entries.target_id", "audit_entries.target_name",
			"audit_entries.outcome", "audit_entries.reason", "audit_entries.changes", "audit_entries.address", "audit_entries.request_id",
		},
	},
}

// What has been recorded is not changed, by whatever program.
var (
	frozenSQLite = []string{`CREATE TRIGGER audit_entries_frozen BEFORE UPDATE ON audit_entries
		BEGIN SELECT RAISE(ABORT, 'entries of the audit log are not changed'); END`}
	frozenPostgres = []string{
		`CREATE FUNCTION audit_entries_frozen() RETURNS trigger LANGUAGE plpgsql AS
			$$ BEGIN RAISE EXCEPTION 'entries of the audit log are not changed'; END $$`,
		`CREATE TRIGGER audit_entries_frozen BEFORE UPDATE ON audit_entries FOR EACH ROW EXECUTE FUNCTION audit_entries_frozen()`,
	}
)
