SELECT alembic_version.version_num 
FROM alembic_version;
SELECT users.id, users.email, users.full_name, users.hashed_password, users.is_active, users.is_superuser, users.created_at, users.updated_at 
FROM users 
WHERE users.email = 'Grace.Hopper@example.com';
INSERT INTO users (id, email, full_name, hashed_password, is_active, is_superuser) VALUES ('b5c84170-9e0d-4429-82e6-14b7d649f50c', 'Katherine.Johnson@example.com', 'Katherine Johnson', '$2b$06$LM8czIdiVoeVecOv4g9CwuEvKglfOrnbINCDpe/aVyntv96cSjqEq', true, false);
INSERT INTO users (id, email, full_name, hashed_password, is_active, is_superuser) VALUES ('c6d95281-af1e-453a-93f7-25c8e75a060d', 'mary@example.com', NULL, '$2b$06$LM8czIdiVoeVecOv4g9CwuEvKglfOrnbINCDpe/aVyntv96cSjqEq', true, false);
INSERT INTO users (id, email, full_name, hashed_password, is_active, is_superuser) VALUES ('d7ea6392-b02f-464b-a408-36d9f86b170e', 'passing@example.com', NULL, '$2b$06$LM8czIdiVoeVecOv4g9CwuEvKglfOrnbINCDpe/aVyntv96cSjqEq', true, false);
SELECT users.id AS users_id, users.email AS users_email, users.hashed_password AS users_hashed_password, users.is_active AS users_is_active, users.is_superuser AS users_is_superuser, users.created_at AS users_created_at, users.updated_at AS users_updated_at 
FROM users 
WHERE users.id = 'b5c84170-9e0d-4429-82e6-14b7d649f50c';
UPDATE users SET full_name='Katherine G. Johnson', updated_at=now() WHERE users.id = 'b5c84170-9e0d-4429-82e6-14b7d649f50c';
SELECT users.id AS users_id, users.email AS users_email, users.full_name AS users_full_name, users.hashed_password AS users_hashed_password, users.is_active AS users_is_active, users.is_superuser AS users_is_superuser, users.created_at AS users_created_at, users.updated_at AS users_updated_at 
FROM users 
WHERE users.id = 'b5c84170-9e0d-4429-82e6-14b7d649f50c';
INSERT INTO profiles (id, user_id, phone, date_of_birth, position, address) VALUES ('e8fb74a3-c130-475c-b519-47ea097c280f', 'b5c84170-9e0d-4429-82e6-14b7d649f50c', NULL, NULL, 'Computer', NULL);
SELECT users.id AS users_id, users.email AS users_email, users.full_name AS users_full_name, users.hashed_password AS users_hashed_password, users.is_active AS users_is_active, users.is_superuser AS users_is_superuser, users.created_at AS users_created_at, users.updated_at AS users_updated_at 
FROM users 
WHERE users.id = 'd7ea6392-b02f-464b-a408-36d9f86b170e';
DELETE FROM users WHERE users.id = 'd7ea6392-b02f-464b-a408-36d9f86b170e';
