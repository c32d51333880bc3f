-- Alembic
ALTER TABLE group_memberships ADD COLUMN is_group_admin BOOLEAN DEFAULT false NOT NULL;
UPDATE alembic_version SET version_num='e1f2a3b4c5d6' WHERE alembic_version.version_num = 'dd6ad2f2c211';
-- the backend
UPDATE group_memberships SET is_group_admin=true WHERE group_memberships.group_id = '71840d3c-5ac9-40e5-8ea2-d0739205b108' AND group_memberships.user_id = '0a1d6c5e-3c52-4f7e-9d3b-6f0c2b8e4a01';
