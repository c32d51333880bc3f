CREATE TABLE audit_entries (
 id character varying(36) NOT NULL,
 at timestamp with time zone NOT NULL,
 actor_kind character varying(16) NOT NULL,
 actor_id character varying(64),
 actor_name character varying(320),
 action character varying(64) NOT NULL,
 target_type character varying(64),
 target_id character varying(200),
 target_name character varying(320),
 outcome character varying(16) NOT NULL,
 reason character varying(200),
 changes text,
 address character varying(64),
 request_id character varying(64),
 CONSTRAINT audit_entries_pkey PRIMARY KEY (id)
);
CREATE INDEX ix_audit_entries_action ON audit_entries USING btree (action, id);
CREATE INDEX ix_audit_entries_actor_id ON audit_entries USING btree (actor_id, id);
CREATE INDEX ix_audit_entries_actor_name ON audit_entries USING btree (actor_name, id);
CREATE INDEX ix_audit_entries_address ON audit_entries USING btree (address, id);
CREATE INDEX ix_audit_entries_failures ON audit_entries USING btree (id) WHERE ((outcome)::text = 'failure'::text);
CREATE INDEX ix_audit_entries_request_id ON audit_entries USING btree (request_id);
CREATE INDEX ix_audit_entries_target_id ON audit_entries USING btree (target_id, id);
CREATE INDEX ix_audit_entries_target_type ON audit_entries USING btree (target_type, id);
CREATE TABLE group_memberships (
 group_id character varying(36) NOT NULL,
 user_id character varying(36) NOT NULL,
 joined_at timestamp with time zone NOT NULL DEFAULT now(),
 is_group_admin boolean NOT NULL DEFAULT false,
 CONSTRAINT group_memberships_group_id_fkey FOREIGN KEY (group_id) REFERENCES groups(id) ON DELETE CASCADE,
 CONSTRAINT group_memberships_pkey PRIMARY KEY (group_id, user_id),
 CONSTRAINT group_memberships_user_id_fkey FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE
);
CREATE INDEX ix_group_memberships_user_id ON group_memberships USING btree (user_id);
CREATE TABLE groups (
 id character varying(36) NOT NULL,
 name character varying(128) NOT NULL,
 description character varying(512),
 created_at timestamp with time zone NOT NULL DEFAULT now(),
 updated_at timestamp with time zone NOT NULL DEFAULT now(),
 name_key character varying(512),
 CONSTRAINT groups_pkey PRIMARY KEY (id)
);
CREATE UNIQUE INDEX ix_groups_name ON groups USING btree (name);
CREATE UNIQUE INDEX ix_groups_name_key ON groups USING btree (name_key);
CREATE TABLE login_failures (
 id character varying(36) NOT NULL,
 address_key character varying(64) NOT NULL,
 account_key character varying(64) NOT NULL,
 failed_at bigint NOT NULL,
 CONSTRAINT login_failures_pkey PRIMARY KEY (id)
);
CREATE INDEX ix_login_failures_address_key ON login_failures USING btree (address_key, failed_at);
CREATE INDEX ix_login_failures_failed_at ON login_failures USING btree (failed_at);
CREATE TABLE password_resets (
 user_id character varying(36) NOT NULL,
 token_hash character varying(64) NOT NULL,
 expires_at timestamp with time zone NOT NULL,
 CONSTRAINT password_resets_pkey PRIMARY KEY (user_id),
 CONSTRAINT password_resets_token_hash_key UNIQUE (token_hash),
 CONSTRAINT password_resets_user_id_fkey FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE
);
CREATE TABLE profiles (
 id character varying(36) NOT NULL,
 user_id character varying(36) NOT NULL,
 phone character varying(20),
 date_of_birth date,
 position character varying(128),
 address character varying(255),
 created_at timestamp with time zone NOT NULL DEFAULT now(),
 updated_at timestamp with time zone NOT NULL DEFAULT now(),
 CONSTRAINT profiles_pkey PRIMARY KEY (id),
 CONSTRAINT profiles_user_id_fkey FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE,
 CONSTRAINT profiles_user_id_key UNIQUE (user_id)
);
CREATE TABLE schema_migrations (
 id character varying(255) NOT NULL,
 applied_at timestamp with time zone NOT NULL DEFAULT now(),
 CONSTRAINT schema_migrations_pkey PRIMARY KEY (id)
);
CREATE TABLE setting_changes (
 id character varying(36) NOT NULL,
 key character varying(200) NOT NULL,
 old_value text,
 new_value text,
 changed_at timestamp with time zone NOT NULL,
 changed_by character varying(36),
 changed_by_email character varying(320),
 restored_from character varying(36),
 CONSTRAINT setting_changes_pkey PRIMARY KEY (id)
);
CREATE INDEX ix_setting_changes_changed_at ON setting_changes USING btree (changed_at);
CREATE INDEX ix_setting_changes_key ON setting_changes USING btree (key, changed_at);
CREATE TABLE setting_secrets (
 setting_key character varying(200) NOT NULL,
 field character varying(200) NOT NULL,
 sealed text NOT NULL,
 CONSTRAINT ck_setting_secrets_sealed CHECK ((sealed ~~ 'v1.________________.%'::text)),
 CONSTRAINT setting_secrets_pkey PRIMARY KEY (setting_key, field),
 CONSTRAINT setting_secrets_setting_key_fkey FOREIGN KEY (setting_key) REFERENCES settings(key) ON DELETE CASCADE
);
CREATE TABLE settings (
 key character varying(200) NOT NULL,
 value text NOT NULL,
 version bigint NOT NULL DEFAULT 0,
 updated_at timestamp with time zone NOT NULL,
 updated_by character varying(36),
 CONSTRAINT settings_pkey PRIMARY KEY (key)
);
CREATE TABLE storage_backends (
 id character varying(36) NOT NULL,
 kind character varying(16) NOT NULL,
 place character varying(64) NOT NULL,
 config text NOT NULL,
 secret text,
 version bigint NOT NULL DEFAULT 1,
 created_at timestamp with time zone NOT NULL,
 updated_at timestamp with time zone NOT NULL,
 CONSTRAINT ck_storage_backends_secret CHECK ((secret ~~ 'v1.________________.%'::text)),
 CONSTRAINT storage_backends_pkey PRIMARY KEY (id),
 CONSTRAINT storage_backends_place_key UNIQUE (place)
);
CREATE TABLE storage_errors (
 job_id character varying(36) NOT NULL,
 key character varying(1024) NOT NULL,
 stage character varying(16) NOT NULL,
 message character varying(500) NOT NULL,
 at timestamp with time zone NOT NULL,
 CONSTRAINT storage_errors_job_id_fkey FOREIGN KEY (job_id) REFERENCES storage_jobs(id) ON DELETE CASCADE,
 CONSTRAINT storage_errors_pkey PRIMARY KEY (job_id, key, stage)
);
CREATE TABLE storage_jobs (
 id character varying(36) NOT NULL,
 source_id character varying(36) NOT NULL,
 target_id character varying(36) NOT NULL,
 state character varying(16) NOT NULL,
 running smallint,
 total bigint NOT NULL DEFAULT 0,
 done bigint NOT NULL DEFAULT 0,
 failed bigint NOT NULL DEFAULT 0,
 bytes_total bigint NOT NULL DEFAULT 0,
 bytes_done bigint NOT NULL DEFAULT 0,
 lease_owner character varying(64),
 lease_until timestamp with time zone,
 started_by character varying(36),
 started_by_email character varying(320),
 started_at timestamp with time zone NOT NULL,
 updated_at timestamp with time zone NOT NULL,
 finished_at timestamp with time zone,
 CONSTRAINT storage_jobs_pkey PRIMARY KEY (id),
 CONSTRAINT storage_jobs_running_check CHECK ((running = 1)),
 CONSTRAINT storage_jobs_running_key UNIQUE (running),
 CONSTRAINT storage_jobs_source_id_fkey FOREIGN KEY (source_id) REFERENCES storage_backends(id),
 CONSTRAINT storage_jobs_target_id_fkey FOREIGN KEY (target_id) REFERENCES storage_backends(id)
);
CREATE INDEX ix_storage_jobs_started_at ON storage_jobs USING btree (started_at);
CREATE TABLE storage_objects (
 key character varying(1024) NOT NULL,
 version character varying(36) NOT NULL,
 backend_id character varying(36) NOT NULL,
 name character varying(1024) NOT NULL,
 size bigint NOT NULL,
 content_type character varying(255) NOT NULL,
 sha256 character varying(64) NOT NULL,
 modified_at timestamp with time zone NOT NULL,
 CONSTRAINT storage_objects_backend_id_fkey FOREIGN KEY (backend_id) REFERENCES storage_backends(id),
 CONSTRAINT storage_objects_backend_id_name_key UNIQUE (backend_id, name),
 CONSTRAINT storage_objects_pkey PRIMARY KEY (key),
 CONSTRAINT storage_objects_version_key UNIQUE (version)
);
CREATE INDEX ix_storage_objects_backend_id_key ON storage_objects USING btree (backend_id, key);
CREATE TABLE storage_receipts (
 backend_id character varying(36) NOT NULL,
 version character varying(36) NOT NULL,
 name character varying(1024) NOT NULL,
 source_id character varying(36) NOT NULL,
 source_name character varying(1024) NOT NULL,
 size bigint NOT NULL,
 sha256 character varying(64) NOT NULL,
 copied_at timestamp with time zone NOT NULL,
 verified_by character varying(36),
 CONSTRAINT storage_receipts_backend_id_fkey FOREIGN KEY (backend_id) REFERENCES storage_backends(id),
 CONSTRAINT storage_receipts_backend_id_name_key UNIQUE (backend_id, name),
 CONSTRAINT storage_receipts_pkey PRIMARY KEY (backend_id, version),
 CONSTRAINT storage_receipts_source_id_fkey FOREIGN KEY (source_id) REFERENCES storage_backends(id)
);
CREATE TABLE storage_state (
 id smallint NOT NULL,
 backend_id character varying(36) NOT NULL,
 epoch bigint NOT NULL DEFAULT 0,
 frozen_until timestamp with time zone,
 updated_at timestamp with time zone NOT NULL,
 CONSTRAINT storage_state_backend_id_fkey FOREIGN KEY (backend_id) REFERENCES storage_backends(id),
 CONSTRAINT storage_state_id_check CHECK ((id = 1)),
 CONSTRAINT storage_state_pkey PRIMARY KEY (id)
);
CREATE TABLE storage_trash (
 backend_id character varying(36) NOT NULL,
 name character varying(1024) NOT NULL,
 due_at timestamp with time zone NOT NULL,
 unfinished boolean NOT NULL DEFAULT false,
 removed_at timestamp with time zone,
 CONSTRAINT storage_trash_backend_id_fkey FOREIGN KEY (backend_id) REFERENCES storage_backends(id),
 CONSTRAINT storage_trash_pkey PRIMARY KEY (backend_id, name)
);
CREATE INDEX ix_storage_trash_due_at ON storage_trash USING btree (due_at);
CREATE TABLE storage_uploads (
 backend_id character varying(36) NOT NULL,
 name character varying(1024) NOT NULL,
 version character varying(36) NOT NULL,
 lease_until timestamp with time zone NOT NULL,
 CONSTRAINT storage_uploads_backend_id_fkey FOREIGN KEY (backend_id) REFERENCES storage_backends(id),
 CONSTRAINT storage_uploads_pkey PRIMARY KEY (backend_id, name)
);
CREATE INDEX ix_storage_uploads_lease_until ON storage_uploads USING btree (lease_until);
CREATE TABLE system_prompts (
 service_id character varying(64) NOT NULL,
 prompt text,
 updated_at timestamp with time zone NOT NULL,
 updated_by character varying(36),
 CONSTRAINT system_prompts_pkey PRIMARY KEY (service_id)
);
CREATE TABLE themes (
 id character varying(80) NOT NULL,
 label character varying(64) NOT NULL,
 colors text NOT NULL,
 created_at timestamp with time zone NOT NULL,
 updated_at timestamp with time zone NOT NULL,
 CONSTRAINT themes_pkey PRIMARY KEY (id)
);
CREATE TABLE users (
 id character varying(36) NOT NULL,
 email character varying(320) NOT NULL,
 full_name character varying(255),
 hashed_password character varying(255) NOT NULL,
 is_active boolean NOT NULL DEFAULT true,
 is_superuser boolean NOT NULL DEFAULT false,
 created_at timestamp with time zone NOT NULL DEFAULT now(),
 updated_at timestamp with time zone NOT NULL DEFAULT now(),
 dashboard_app_ids json NOT NULL DEFAULT '[]'::json,
 color_mode character varying(10),
 tokens_valid_after timestamp with time zone,
 email_key character varying(700),
 CONSTRAINT users_pkey PRIMARY KEY (id)
);
CREATE UNIQUE INDEX ix_users_email ON users USING btree (email);
CREATE INDEX ix_users_email_key ON users USING btree (email_key);
CREATE INDEX ix_users_superusers ON users USING btree (id) WHERE is_superuser;
