-- Alembic
CREATE TABLE profiles (
	id VARCHAR(36) NOT NULL, 
	user_id VARCHAR(36) NOT NULL, 
	phone VARCHAR(20), 
	date_of_birth DATE, 
	position VARCHAR(128), 
	address VARCHAR(255), 
	created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, 
	updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE, 
	UNIQUE (user_id)
);
UPDATE alembic_version SET version_num='676084df61d1' WHERE alembic_version.version_num = '38efeff7c45a';
-- the backend
INSERT INTO profiles (id, user_id, phone, date_of_birth, position, address, created_at) VALUES ('93a62f5e-7ceb-4207-80c4-f295b427d30a', '0a1d6c5e-3c52-4f7e-9d3b-6f0c2b8e4a01', '+44 (20) 7946-0000', '1815-12-10'::date, 'Analyst', '12 St James''s Square, „London“', '2024-04-01T08:00:00+00:00'::timestamptz);
INSERT INTO profiles (id, user_id, phone, date_of_birth, position, address) VALUES ('a4b7306f-8dfc-4318-91d5-03a6c538e40b', '1b2e7d6f-4d63-4a8f-8e4c-7a1d3c9f5b02', NULL, NULL, NULL, NULL);
