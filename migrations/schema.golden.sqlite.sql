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
 PRIMARY KEY (id)
);
CREATE UNIQUE INDEX ix_users_email ON users (email);
CREATE INDEX ix_users_superusers ON users (id) WHERE is_superuser;
