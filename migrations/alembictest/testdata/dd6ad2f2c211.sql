-- Alembic
ALTER TABLE users ADD COLUMN color_mode VARCHAR(10);
UPDATE alembic_version SET version_num='dd6ad2f2c211' WHERE alembic_version.version_num = 'c7e8f9a0b1d2';
-- the backend
UPDATE users SET updated_at=now(), color_mode='dark' WHERE users.id = '0a1d6c5e-3c52-4f7e-9d3b-6f0c2b8e4a01';
