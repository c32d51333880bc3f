package docservice

import (
	"context"

	"gorm.io/gorm"

	"portico.internal/platform/migrate"
)

// migrationsTable is the service's own, so that it can share a database with the gateway and with other services.
const migrationsTable = "docservice_migrations"

// steps run in this order; one that has been released is never changed.
var steps = []migrate.Step{
	{Revision: "5b1f0c8a7d21", Up: migrate.SQL(
		`CREATE TABLE documents (
			id VARCHAR(36) PRIMARY KEY,
			owner_id VARCHAR(36) NOT NULL,
			title VARCHAR(255) NOT NULL,
			title_given BOOLEAN NOT NULL,
			filename VARCHAR(255) NOT NULL,
			size BIGINT NOT NULL,
			sha256 CHAR(64) NOT NULL,
			status VARCHAR(16) NOT NULL CHECK (status IN ('processing', 'ready', 'failed')),
			pages INTEGER,
			error VARCHAR(255),
			attempts INTEGER NOT NULL,
			created_at TIMESTAMPTZ NOT NULL,
			updated_at TIMESTAMPTZ NOT NULL
		)`,
		`CREATE INDEX ix_documents_owner_id ON documents (owner_id)`,
		`CREATE INDEX ix_documents_created_at ON documents (created_at, id)`,
		`CREATE INDEX ix_documents_processing ON documents (created_at, id) WHERE status = 'processing'`,
		`CREATE TABLE document_shares (
			document_id VARCHAR(36) NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
			group_id VARCHAR(64) NOT NULL,
			PRIMARY KEY (document_id, group_id)
		)`,
		`CREATE INDEX ix_document_shares_group_id ON document_shares (group_id)`,
	)},
	{Revision: "9e42d6b3f058", Up: migrate.SQL(
		`CREATE TABLE categories (
			id VARCHAR(36) PRIMARY KEY,
			name VARCHAR(128) NOT NULL,
			name_key TEXT NOT NULL,
			description VARCHAR(512),
			created_at TIMESTAMPTZ NOT NULL,
			updated_at TIMESTAMPTZ NOT NULL
		)`,
		`CREATE UNIQUE INDEX ix_categories_name_key ON categories (name_key)`,
		`CREATE TABLE document_category_assignments (
			document_id VARCHAR(36) NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
			category_id VARCHAR(36) NOT NULL REFERENCES categories (id) ON DELETE CASCADE,
			created_at TIMESTAMPTZ NOT NULL,
			PRIMARY KEY (document_id, category_id)
		)`,
		`CREATE INDEX ix_document_category_assignments_category_id ON document_category_assignments (category_id)`,
	)},
	{Revision: "c37a9f1e6d84", Up: migrate.SQL(
		`ALTER TABLE documents ADD COLUMN unclassified BOOLEAN NOT NULL DEFAULT FALSE`,
		`CREATE INDEX ix_documents_unclassified ON documents (created_at, id) WHERE unclassified`,
		`CREATE TABLE document_excerpts (
			document_id VARCHAR(36) PRIMARY KEY REFERENCES documents (id) ON DELETE CASCADE,
			content TEXT NOT NULL
		)`,
	)},
	{Revision: "1d7be2904c5a", Up: migrate.SQL(
		`CREATE TABLE document_settings (
			id INTEGER PRIMARY KEY CHECK (id = 1),
			value TEXT NOT NULL,
			version BIGINT NOT NULL,
			api_key TEXT CONSTRAINT ck_document_settings_api_key CHECK (api_key LIKE 'v1.________________.%'),
			api_key_for TEXT NOT NULL,
			updated_at TIMESTAMPTZ,
			updated_by VARCHAR(36)
		)`,
		`INSERT INTO document_settings (id, value, version, api_key_for) VALUES (1, '{}', 0, '')`,
	)},
	{Revision: "e80c5f7b3a19", Up: migrate.SQL(
		`ALTER TABLE documents ADD COLUMN stored VARCHAR(16) NOT NULL DEFAULT 'folder'
			CONSTRAINT ck_documents_stored CHECK (stored IN ('folder', 'objects'))`,
		`CREATE INDEX ix_documents_folder ON documents (id) WHERE stored = 'folder'`,
		`CREATE TABLE document_loose_objects (
			document_id VARCHAR(36) PRIMARY KEY,
			due_at TIMESTAMPTZ NOT NULL,
			doomed BOOLEAN NOT NULL
		)`,
		`CREATE INDEX ix_document_loose_objects_due_at ON document_loose_objects (due_at)`,
	)},
}

func schema() (*migrate.Plan, error) {
	return migrate.New(nil, map[string][]migrate.Step{"docservice": steps}, migrate.Table(migrationsTable))
}

// bringSchema brings the schema up to date, or with checkOnly fails where it is not.
func bringSchema(ctx context.Context, db *gorm.DB, checkOnly bool) error {
	plan, err := schema()
	if err != nil {
		return err
	}
	if checkOnly {
		return plan.AtHead(ctx, db)
	}
	_, err = plan.Up(ctx, db)
	return err
}
