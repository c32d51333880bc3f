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
