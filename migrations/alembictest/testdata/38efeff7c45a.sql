-- Alembic
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
CREATE TABLE users (
	id VARCHAR(36) NOT NULL, 
	email VARCHAR(320) NOT NULL, 
	full_name VARCHAR(255), 
	hashed_password VARCHAR(255) NOT NULL, 
	is_active BOOLEAN DEFAULT true NOT NULL, 
	is_superuser BOOLEAN DEFAULT false NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, 
	updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, 
	PRIMARY KEY (id)
);
CREATE UNIQUE INDEX ix_users_email ON users (email);
INSERT INTO alembic_version (version_num) VALUES ('38efeff7c45a') RETURNING alembic_version.version_num;
-- the backend
INSERT INTO users (id, email, full_name, hashed_password, is_active, is_superuser, created_at, updated_at) VALUES ('0a1d6c5e-3c52-4f7e-9d3b-6f0c2b8e4a01', 'ada@example.com', 'Ada Lovelace', '$2b$13$ixq1b8Y5Wy8/P63zT2a6LeyEhEIysYB9LOlNl3lz3jUpKd/cUl2/q', true, true, '2024-01-08T09:00:00.000001+00:00'::timestamptz, '2024-01-08T09:00:00.000001+00:00'::timestamptz);
INSERT INTO users (id, email, full_name, hashed_password, is_active, is_superuser, created_at, updated_at) VALUES ('1b2e7d6f-4d63-4a8f-8e4c-7a1d3c9f5b02', 'Grace.Hopper@example.com', 'Grace Hopper', '$2b$06$XkHn/Z4BmGKNZiEv0Bf5AuCiBTmgAPstjUyk29JNjMnT663ewzwjK', true, false, '2024-01-09T10:30:00.120000+00:00'::timestamptz, '2024-01-09T10:30:00.120000+00:00'::timestamptz);
INSERT INTO users (id, email, full_name, hashed_password, is_active, is_superuser, created_at, updated_at) VALUES ('2c3f8e70-5e74-4b90-9f5d-8b2e4da06c03', 'björn@bücher.example', NULL, '$2b$06$IpZuZN9XABHcZtWiO2tgXey31MmZX/aQ0DPyvnIZm.iEG4mqZC9IW', true, false, '2024-02-29T23:59:59.999999+00:00'::timestamptz, '2024-02-29T23:59:59.999999+00:00'::timestamptz);
INSERT INTO users (id, email, full_name, hashed_password, is_active, is_superuser, created_at, updated_at) VALUES ('3d409f81-6f85-4ca1-8a6e-9c3f5eb17d04', 'Alan.Turing@example.com', 'Alan Turing', '$2b$06$Ww3z4RW1WNassuMxX6W37.BfrDkYyeExJqXIrZ4Cnhi4acf8rwFNS', true, false, '2024-03-01T00:00:00+00:00'::timestamptz, '2024-03-01T00:00:00+00:00'::timestamptz);
INSERT INTO users (id, email, full_name, hashed_password, is_active, is_superuser, created_at, updated_at) VALUES ('4e51a092-7096-4db2-9b7f-ad406fc28e05', 'alan.turing@example.com', 'Another Alan', '$2b$06$aPGMWuzEtsRqmAeSb1N2l.8IjSKNlGxwNT6VUVMncZpYlgenR7Iz.', true, false, '2024-03-02T00:00:00+00:00'::timestamptz, '2024-03-02T00:00:00+00:00'::timestamptz);
INSERT INTO users (id, email, full_name, hashed_password, is_active, is_superuser, created_at, updated_at) VALUES ('5f62b1a3-81a7-4ec3-8c80-be5170d39f06', 'Operator@LOCALHOST', 'Operator', '$2b$06$52FN7A7PPR7TXOQgm506s.fUa4VxS0gJZw84tTOVZGdwta9KC7u6m', true, false, '2024-03-03T00:00:00+00:00'::timestamptz, '2024-03-03T00:00:00+00:00'::timestamptz);
INSERT INTO users (id, email, full_name, hashed_password, is_active, is_superuser, created_at, updated_at) VALUES ('6073c2b4-92b8-4fd4-9d91-cf6281e4a007', 'left@example.com', 'Gone Person', '$2b$06$9Fy1WaUXVublIj.QhSzDeOUmGSJhnoQIX9Hsi8FStH2BCsUVtt2Fy', false, false, '2024-03-04T00:00:00+00:00'::timestamptz, '2024-03-04T00:00:00+00:00'::timestamptz);
