-- Alembic
CREATE TABLE groups (
	id VARCHAR(36) NOT NULL, 
	name VARCHAR(128) NOT NULL, 
	description VARCHAR(512), 
	created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, 
	updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, 
	PRIMARY KEY (id)
);
CREATE UNIQUE INDEX ix_groups_name ON groups (name);
CREATE TABLE group_memberships (
	group_id VARCHAR(36) NOT NULL, 
	user_id VARCHAR(36) NOT NULL, 
	joined_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, 
	PRIMARY KEY (group_id, user_id), 
	FOREIGN KEY(group_id) REFERENCES groups (id) ON DELETE CASCADE, 
	FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE
);
CREATE INDEX ix_group_memberships_user_id ON group_memberships (user_id);
UPDATE alembic_version SET version_num='a3f9c2d14e87' WHERE alembic_version.version_num = '676084df61d1';
-- the backend
INSERT INTO groups (id, name, description, created_at) VALUES ('71840d3c-5ac9-40e5-8ea2-d0739205b108', 'Engineers', 'They <build> & mend', '2024-05-01T12:00:00.500000+00:00'::timestamptz);
INSERT INTO groups (id, name, description, created_at) VALUES ('82951e4d-6bda-41f6-9fb3-e184a316c209', 'Büro', NULL, '2024-05-01T12:00:00.500000+00:00'::timestamptz);
INSERT INTO group_memberships (group_id, user_id, joined_at) VALUES ('71840d3c-5ac9-40e5-8ea2-d0739205b108', '0a1d6c5e-3c52-4f7e-9d3b-6f0c2b8e4a01', '2024-05-02T07:08:09.010203+00:00'::timestamptz);
INSERT INTO group_memberships (group_id, user_id, joined_at) VALUES ('71840d3c-5ac9-40e5-8ea2-d0739205b108', '1b2e7d6f-4d63-4a8f-8e4c-7a1d3c9f5b02', '2024-05-02T07:08:09.010203+00:00'::timestamptz);
INSERT INTO group_memberships (group_id, user_id) VALUES ('82951e4d-6bda-41f6-9fb3-e184a316c209', '0a1d6c5e-3c52-4f7e-9d3b-6f0c2b8e4a01');
