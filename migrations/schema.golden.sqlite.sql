CREATE TRIGGER audit_entries_frozen BEFORE UPDATE ON audit_entries BEGIN SELECT RAISE(ABORT, 'entries of the audit log are not changed'); END;
CREATE TABLE audit_entries (
 id VARCHAR(36) NOT NULL,
 at DATETIME NOT NULL,
 actor_kind VARCHAR(16) NOT NULL,
 actor_id VARCHAR(64) ,
 actor_name VARCHAR(320) ,
 action VARCHAR(64) NOT NULL,
 target_type VARCHAR(64) ,
 target_id VARCHAR(200) ,
 target_name VARCHAR(320),
 outcome VARCHAR(16) NOT NULL,
 reason VARCHAR(200),
 changes TEXT,
 address VARCHAR(64) ,
 request_id VARCHAR(64) ,
 PRIMARY KEY (id)
);
CREATE INDEX ix_audit_entries_action ON audit_entries (action, id);
CREATE INDEX ix_audit_entries_actor_id ON audit_entries (actor_id, id);
CREATE INDEX ix_audit_entries_actor_name ON audit_entries (actor_name, id);
CREATE INDEX ix_audit_entries_address ON audit_entries (address, id);
CREATE INDEX ix_audit_entries_failures ON audit_entries (id) WHERE outcome = 'failure';
CREATE INDEX ix_audit_entries_request_id ON audit_entries (request_id);
CREATE INDEX ix_audit_entries_target_id ON audit_entries (target_id, id);
CREATE INDEX ix_audit_entries_target_type ON audit_entries (target_type, id);
CREATE TABLE group_memberships (
 group_id VARCHAR(36) NOT NULL,
 user_id VARCHAR(36) NOT NULL,
 joined_at DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP,
 is_group_admin BOOLEAN NOT NULL DEFAULT false,
 PRIMARY KEY (group_id, user_id),
 FOREIGN KEY (group_id) REFERENCES groups (id) ON DELETE CASCADE,
 FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE
);
CREATE INDEX ix_group_memberships_user_id ON group_memberships (user_id);
CREATE TABLE groups (
 id VARCHAR(36) NOT NULL,
 name VARCHAR(128) NOT NULL,
 description VARCHAR(512),
 created_at DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP,
 updated_at DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP,
 name_key VARCHAR(512),
 PRIMARY KEY (id)
);
CREATE UNIQUE INDEX ix_groups_name ON groups (name);
CREATE UNIQUE INDEX ix_groups_name_key ON groups (name_key);
CREATE TABLE login_failures (
 id VARCHAR(36) PRIMARY KEY,
 address_key VARCHAR(64) NOT NULL,
 account_key VARCHAR(64) NOT NULL,
 failed_at BIGINT NOT NULL
);
CREATE INDEX ix_login_failures_address_key ON login_failures (address_key, failed_at);
CREATE INDEX ix_login_failures_failed_at ON login_failures (failed_at);
CREATE TABLE password_resets (
 user_id VARCHAR(36) NOT NULL,
 token_hash VARCHAR(64) NOT NULL,
 expires_at DATETIME NOT NULL,
 PRIMARY KEY (user_id),
 FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE,
 UNIQUE (token_hash)
);
CREATE TABLE profiles (
 id VARCHAR(36) NOT NULL,
 user_id VARCHAR(36) NOT NULL,
 phone VARCHAR(20),
 date_of_birth DATE,
 position VARCHAR(128),
 address VARCHAR(255),
 created_at DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP,
 updated_at DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP,
 PRIMARY KEY (id),
 FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE,
 UNIQUE (user_id)
);
CREATE TABLE schema_migrations (
 id VARCHAR(255) NOT NULL PRIMARY KEY,
 applied_at DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP
);
CREATE TABLE setting_changes (
 id VARCHAR(36) PRIMARY KEY,
 key VARCHAR(200) NOT NULL,
 old_value TEXT,
 new_value TEXT,
 changed_at DATETIME NOT NULL,
 changed_by VARCHAR(36),
 changed_by_email VARCHAR(320),
 restored_from VARCHAR(36)
);
CREATE INDEX ix_setting_changes_changed_at ON setting_changes (changed_at);
CREATE INDEX ix_setting_changes_key ON setting_changes (key, changed_at);
CREATE TABLE setting_secrets (
 setting_key VARCHAR(200) NOT NULL REFERENCES settings (key) ON DELETE CASCADE,
 field VARCHAR(200) NOT NULL,
 sealed TEXT NOT NULL CONSTRAINT ck_setting_secrets_sealed CHECK (sealed LIKE 'v1.________________.%'),
 PRIMARY KEY (setting_key, field)
);
CREATE TABLE settings (
 key VARCHAR(200) PRIMARY KEY,
 value TEXT NOT NULL,
 version BIGINT NOT NULL DEFAULT 0,
 updated_at DATETIME NOT NULL,
 updated_by VARCHAR(36)
);
CREATE TABLE storage_backends (
 id VARCHAR(36) PRIMARY KEY,
 kind VARCHAR(16) NOT NULL,
 place VARCHAR(64) NOT NULL UNIQUE,
 config TEXT NOT NULL,
 secret TEXT CONSTRAINT ck_storage_backends_secret CHECK (secret LIKE 'v1.________________.%'),
 version BIGINT NOT NULL DEFAULT 1,
 created_at DATETIME NOT NULL,
 updated_at DATETIME NOT NULL
);
CREATE TABLE storage_errors (
 job_id VARCHAR(36) NOT NULL REFERENCES storage_jobs (id) ON DELETE CASCADE,
 key VARCHAR(1024) NOT NULL,
 stage VARCHAR(16) NOT NULL,
 message VARCHAR(500) NOT NULL,
 at DATETIME NOT NULL,
 PRIMARY KEY (job_id, key, stage)
);
CREATE TABLE storage_jobs (
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
 lease_until DATETIME,
 started_by VARCHAR(36),
 started_by_email VARCHAR(320),
 started_at DATETIME NOT NULL,
 updated_at DATETIME NOT NULL,
 finished_at DATETIME
);
CREATE INDEX ix_storage_jobs_started_at ON storage_jobs (started_at);
CREATE TABLE storage_objects (
 key VARCHAR(1024) PRIMARY KEY,
 version VARCHAR(36) NOT NULL UNIQUE,
 backend_id VARCHAR(36) NOT NULL REFERENCES storage_backends (id),
 name VARCHAR(1024) NOT NULL,
 size BIGINT NOT NULL,
 content_type VARCHAR(255) NOT NULL,
 sha256 VARCHAR(64) NOT NULL,
 modified_at DATETIME NOT NULL,
 UNIQUE (backend_id, name)
);
CREATE INDEX ix_storage_objects_backend_id_key ON storage_objects (backend_id, key);
CREATE TABLE storage_receipts (
 backend_id VARCHAR(36) NOT NULL REFERENCES storage_backends (id),
 version VARCHAR(36) NOT NULL,
 name VARCHAR(1024) NOT NULL,
 source_id VARCHAR(36) NOT NULL REFERENCES storage_backends (id),
 source_name VARCHAR(1024) NOT NULL,
 size BIGINT NOT NULL,
 sha256 VARCHAR(64) NOT NULL,
 copied_at DATETIME NOT NULL,
 verified_by VARCHAR(36),
 PRIMARY KEY (backend_id, version),
 UNIQUE (backend_id, name)
);
CREATE TABLE storage_state (
 id SMALLINT PRIMARY KEY CHECK (id = 1),
 backend_id VARCHAR(36) NOT NULL REFERENCES storage_backends (id),
 epoch BIGINT NOT NULL DEFAULT 0,
 frozen_until DATETIME,
 updated_at DATETIME NOT NULL
);
CREATE TABLE storage_trash (
 backend_id VARCHAR(36) NOT NULL REFERENCES storage_backends (id),
 name VARCHAR(1024) NOT NULL,
 due_at DATETIME NOT NULL,
 unfinished BOOLEAN NOT NULL DEFAULT false,
 removed_at DATETIME,
 PRIMARY KEY (backend_id, name)
);
CREATE INDEX ix_storage_trash_due_at ON storage_trash (due_at);
CREATE TABLE storage_uploads (
 backend_id VARCHAR(36) NOT NULL REFERENCES storage_backends (id),
 name VARCHAR(1024) NOT NULL,
 version VARCHAR(36) NOT NULL,
 lease_until DATETIME NOT NULL,
 PRIMARY KEY (backend_id, name)
);
CREATE INDEX ix_storage_uploads_lease_until ON storage_uploads (lease_until);
CREATE TABLE system_prompts (
 service_id VARCHAR(64) PRIMARY KEY,
 prompt TEXT,
 updated_at DATETIME NOT NULL,
 updated_by VARCHAR(36)
);
CREATE TABLE themes (
 id VARCHAR(80) PRIMARY KEY,
 label VARCHAR(64) NOT NULL,
 colors TEXT NOT NULL,
 created_at DATETIME NOT NULL,
 updated_at DATETIME NOT NULL
);
CREATE TABLE users (
 id VARCHAR(36) NOT NULL,
 email VARCHAR(320) NOT NULL,
 full_name VARCHAR(255),
 hashed_password VARCHAR(255) NOT NULL,
 is_active BOOLEAN NOT NULL DEFAULT true,
 is_superuser BOOLEAN NOT NULL DEFAULT false,
 created_at DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP,
 updated_at DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP,
 dashboard_app_ids JSON NOT NULL DEFAULT '[]',
 color_mode VARCHAR(10),
 tokens_valid_after DATETIME,
 email_key VARCHAR(700),
 PRIMARY KEY (id)
);
CREATE UNIQUE INDEX ix_users_email ON users (email);
CREATE INDEX ix_users_email_key ON users (email_key);
CREATE INDEX ix_users_superusers ON users (id) WHERE is_superuser;
