-- Alembic
ALTER TABLE users ADD COLUMN dashboard_app_ids JSON DEFAULT '[]' NOT NULL;
UPDATE alembic_version SET version_num='c7e8f9a0b1d2' WHERE alembic_version.version_num = 'a3f9c2d14e87';
-- the backend
UPDATE users SET updated_at=now(), dashboard_app_ids='["docs", "crm-2"]' WHERE users.id = '0a1d6c5e-3c52-4f7e-9d3b-6f0c2b8e4a01';
