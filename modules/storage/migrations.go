package storage

import (
	"strings"

	"gorm.io/gorm"

	"portico.internal/platform/database"
	"portico.internal/platform/migrate"
)

var migrations = []migrate.Step{
	{
		Revision: "60db3abac824",
		Up: bytewise(`CREATE TABLE storage_backends (
			id VARCHAR(36) PRIMARY KEY,
			kind VARCHAR(16) NOT NULL,
			place VARCHAR(64) NOT NULL UNIQUE,
			config TEXT NOT NULL,
			secret TEXT CONSTRAINT ck_storage_backends_secret CHECK (secret LIKE 'v1.________________.%'),
			version BIGINT NOT NULL DEFAULT 1,
			created_at TIMESTAMPTZ NOT NULL,
			updated_at TIMESTAMPTZ NOT NULL
		)`,
			`CREATE TABLE storage_state (
			id SMALLINT PRIMARY KEY CHECK (id = 1),
			backend_id VARCHAR(36) NOT NULL REFERENCES storage_backends (id),
			epoch BIGINT NOT NULL DEFAULT 0,
			frozen_until TIMESTAMPTZ,
			updated_at TIMESTAMPTZ NOT NULL
		)`),
		Adds: []string{
			"storage_backends.id", "storage_backends.kind", "storage_backends.place", "storage_backends.config", "storage_backends.secret",
			"storage_backends.version", "storage_backends.created_at", "storage_backends.updated_at",
			"storage_state.id", "storage_state.backend_id", "storage_state.epoch", "storage_state.frozen_until", "storage_state.updated_at",
		},
	},
	{
		Revision: "ea898d1b2110",
		Up: bytewise(`CREATE TABLE storage_objects (
			key VARCHAR(1024) BYTEWISE PRIMARY KEY,
			version VARCHAR(36) NOT NULL UNIQUE,
			backend_id VARCHAR(36) NOT NULL REFERENCES storage_backends (id),
			name VARCHAR(1024) BYTEWISE NOT NULL,
			size BIGINT NOT NULL,
			content_type VARCHAR(255) NOT NULL,
			sha256 VARCHAR(64) NOT NULL,
			modified_at TIMESTAMPTZ NOT NULL,
			UNIQUE (backend_id, name)
		)`,
			`CREATE TABLE storage_uploads (
			backend_id VARCHAR(36) NOT NULL REFERENCES storage_backends (id),
			name VARCHAR(1024) BYTEWISE NOT NULL,
			version VARCHAR(36) NOT NULL,
			lease_until TIMESTAMPTZ NOT NULL,
			PRIMARY KEY (backend_id, name)
		)`,
			`CREATE INDEX ix_storage_uploads_lease_until ON storage_uploads (lease_until)`,
			`CREATE TABLE storage_trash (
			backend_id VARCHAR(36) NOT NULL REFERENCES storage_backends (id),
			name VARCHAR(1024) BYTEWISE NOT NULL,
			due_at TIMESTAMPTZ NOT NULL,
			unfinished BOOLEAN NOT NULL DEFAULT false,
			removed_at TIMESTAMPTZ,
			PRIMARY KEY (backend_id, name)
		)`,
			`CREATE INDEX ix_storage_trash_due_at ON storage_trash (due_at)`),
		Adds: []string{
			"storage_objects.key", "storage_objects.version", "storage_objects.backend_id", "storage_objects.name", "storage_objects.size",
			"storage_objects.content_type", "storage_objects.sha256", "storage_objects.modified_at",
			"storage_uploads.backend_id", "storage_uploads.name", "storage_uploads.version", "storage_uploads.lease_until",
			"storage_trash.backend_id", "storage_trash.name", "storage_trash.due_at", "storage_trash.unfinished", "storage_trash.removed_at",
		},
	},
	{
		Revision: "cc1b08f5cbf6",
		Up: bytewise(`CREATE TABLE storage_jobs (
			id VARCHAR(36) PRIMARY KEY,
			source_id VARCHAR(36) NOT NULL REFERENCES storage_backends (id),
			target_id VARCHAR(36) NOT NULL REFERENCES storage_backends (id),
			state VARCHAR(16) NOT NULL,
			running SMALLINT UNIQUE CHECK (running = 1),
			total BIGINT NOT NULL DEFAULT 0,
			done BIGINT NOT NULL DEFAULT 0,
			failed BIGINT NOT NULL DEFAULT 0,
			bytes_total BIGINT NOT NULL DEFAULT 0,
			bytes_done BIGINT NOT NULL DEFAULT 0,
			lease_owner VARCHAR(64),
			lease_until TIMESTAMPTZ,
			started_by VARCHAR(36),
			started_by_email VARCHAR(320),
			started_at TIMESTAMPTZ NOT NULL,
			updated_at TIMESTAMPTZ NOT NULL,
			finished_at TIMESTAMPTZ
		)`,
			`CREATE INDEX ix_storage_jobs_started_at ON storage_jobs (started_at)`,
			`CREATE TABLE storage_receipts (
			backend_id VARCHAR(36) NOT NULL REFERENCES storage_backends (id),
			version VARCHAR(36) NOT NULL,
			name VARCHAR(1024) BYTEWISE NOT NULL,
			source_id VARCHAR(36) NOT NULL REFERENCES storage_backends (id),
			source_name VARCHAR(1024) BYTEWISE NOT NULL,
			size BIGINT NOT NULL,
			sha256 VARCHAR(64) NOT NULL,
			copied_at TIMESTAMPTZ NOT NULL,
			verified_by VARCHAR(36),
			PRIMARY KEY (backend_id, version),
			UNIQUE (backend_id, name)
		)`,
			`CREATE TABLE storage_errors (
			job_id VARCHAR(36) NOT NULL REFERENCES storage_jobs (id) ON DELETE CASCADE,
			key VARCHAR(1024) BYTEWISE NOT NULL,
			stage VARCHAR(16) NOT NULL,
			message VARCHAR(500) NOT NULL,
			at TIMESTAMPTZ NOT NULL,
			PRIMARY KEY (job_id, key, stage)
		)`),
		Adds: []string{
			"storage_jobs.id", "storage_jobs.source_id", "storage_jobs.target_id", "storage_jobs.state", "storage_jobs.running",
			"storage_jobs.total", "storage_jobs.done", "storage_jobs.failed", "storage_jobs.bytes_total", "storage_jobs.bytes_done",
			"storage_jobs.lease_owner", "storage_jobs.lease_until",
			"storage_jobs.started_by", "storage_jobs.started_by_email", "storage_jobs.started_at", "storage_jobs.updated_at", "storage_jobs.finished_at",
			"storage_receipts.backend_id", "storage_receipts.version", "storage_receipts.name", "storage_receipts.source_id",
			"storage_receipts.source_name", "storage_receipts.size", "storage_receipts.sha256", "storage_receipts.copied_at", "storage_receipts.verified_by",
			"storage_errors.job_id", "storage_errors.key", "storage_errors.stage", "storage_errors.message", "storage_errors.at",
		},
	},
	{
		Revision: "93e1d7b0c5a8",
		// A migration reads the objects of a backend in the order of their keys, a page at a time.
		Up: migrate.SQL(`CREATE INDEX ix_storage_objects_backend_id_key ON storage_objects (backend_id, key)`),
	},
}

// bytewise is [migrate.SQL] with the word BYTEWISE for columns that sort by their bytes, whatever the language of the
// database. SQLite sorts everything so.
func bytewise(statements ...string) func(tx *gorm.DB) error {
	return func(tx *gorm.DB) error {
		collation := ""
		if database.IsPostgres(tx) {
			collation = `COLLATE "C"`
		}
		fitting := make([]string, len(statements))
		for i, statement := range statements {
			fitting[i] = strings.ReplaceAll(statement, "BYTEWISE", collation)
		}
		return migrate.SQL(fitting...)(tx)
	}
}
