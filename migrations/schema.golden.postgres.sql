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
 CONSTRAINT users_pkey PRIMARY KEY (id)
);
CREATE UNIQUE INDEX ix_users_email ON users USING btree (email);
CREATE INDEX ix_users_superusers ON users USING btree (id) WHERE is_superuser;
