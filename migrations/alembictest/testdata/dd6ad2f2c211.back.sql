SELECT alembic_version.version_num 
FROM alembic_version;
SELECT users.id, users.email, users.full_name, users.hashed_password, users.is_active, users.is_superuser, users.created_at, users.updated_at, users.dashboard_app_ids, users.color_mode 
FROM users 
WHERE users.email = 'Grace.Hopper@example.com';
INSERT INTO users (id, email, full_name, hashed_password, is_active, is_superuser, dashboard_app_ids, color_mode) VALUES ('b5c84170-9e0d-4429-82e6-14b7d649f50c', 'Katherine.Johnson@example.com', 'Katherine Johnson', '$2b$06$oWzDYLkcvuxkLW7qhD3C0.UXtg5JMvnbZ9UKeFFaQW2/4pVrZ3i.C', true, false, '[]', NULL);
INSERT INTO users (id, email, full_name, hashed_password, is_active, is_superuser, dashboard_app_ids, color_mode) VALUES ('c6d95281-af1e-453a-93f7-25c8e75a060d', 'mary@example.com', NULL, '$2b$06$oWzDYLkcvuxkLW7qhD3C0.UXtg5JMvnbZ9UKeFFaQW2/4pVrZ3i.C', true, false, '[]', NULL);
INSERT INTO users (id, email, full_name, hashed_password, is_active, is_superuser, dashboard_app_ids, color_mode) VALUES ('d7ea6392-b02f-464b-a408-36d9f86b170e', 'passing@example.com', NULL, '$2b$06$oWzDYLkcvuxkLW7qhD3C0.UXtg5JMvnbZ9UKeFFaQW2/4pVrZ3i.C', true, false, '[]', NULL);
SELECT users.id AS users_id, users.email AS users_email, users.hashed_password AS users_hashed_password, users.is_active AS users_is_active, users.is_superuser AS users_is_superuser, users.created_at AS users_created_at, users.updated_at AS users_updated_at, users.dashboard_app_ids AS users_dashboard_app_ids, users.color_mode AS users_color_mode 
FROM users 
WHERE users.id = 'b5c84170-9e0d-4429-82e6-14b7d649f50c';
UPDATE users SET full_name='Katherine G. Johnson', updated_at=now() WHERE users.id = 'b5c84170-9e0d-4429-82e6-14b7d649f50c';
SELECT users.id AS users_id, users.email AS users_email, users.full_name AS users_full_name, users.hashed_password AS users_hashed_password, users.is_active AS users_is_active, users.is_superuser AS users_is_superuser, users.created_at AS users_created_at, users.updated_at AS users_updated_at, users.dashboard_app_ids AS users_dashboard_app_ids, users.color_mode AS users_color_mode 
FROM users 
WHERE users.id = 'b5c84170-9e0d-4429-82e6-14b7d649f50c';
INSERT INTO profiles (id, user_id, phone, date_of_birth, position, address) VALUES ('e8fb74a3-c130-475c-b519-47ea097c280f', 'b5c84170-9e0d-4429-82e6-14b7d649f50c', NULL, NULL, 'Computer', NULL);
INSERT INTO groups (id, name, description) VALUES ('f90c85b4-d241-486d-862a-58fb1a8d3910', 'Orbits', 'Trajectories');
SELECT groups.id AS groups_id, groups.name AS groups_name, groups.description AS groups_description, groups.created_at AS groups_created_at, groups.updated_at AS groups_updated_at 
FROM groups 
WHERE groups.id = 'f90c85b4-d241-486d-862a-58fb1a8d3910';
SELECT users.id AS users_id, users.email AS users_email, users.full_name AS users_full_name, users.hashed_password AS users_hashed_password, users.is_active AS users_is_active, users.is_superuser AS users_is_superuser, users.created_at AS users_created_at, users.updated_at AS users_updated_at, users.dashboard_app_ids AS users_dashboard_app_ids, users.color_mode AS users_color_mode 
FROM users 
WHERE users.id = 'b5c84170-9e0d-4429-82e6-14b7d649f50c';
INSERT INTO group_memberships (group_id, user_id) VALUES ('f90c85b4-d241-486d-862a-58fb1a8d3910', 'b5c84170-9e0d-4429-82e6-14b7d649f50c');
SELECT groups.id AS groups_id, groups.name AS groups_name, groups.description AS groups_description, groups.created_at AS groups_created_at, groups.updated_at AS groups_updated_at 
FROM groups 
WHERE groups.id = 'f90c85b4-d241-486d-862a-58fb1a8d3910';
SELECT users.id AS users_id, users.email AS users_email, users.full_name AS users_full_name, users.hashed_password AS users_hashed_password, users.is_active AS users_is_active, users.is_superuser AS users_is_superuser, users.created_at AS users_created_at, users.updated_at AS users_updated_at, users.dashboard_app_ids AS users_dashboard_app_ids, users.color_mode AS users_color_mode 
FROM users 
WHERE users.id = 'd7ea6392-b02f-464b-a408-36d9f86b170e';
INSERT INTO group_memberships (group_id, user_id) VALUES ('f90c85b4-d241-486d-862a-58fb1a8d3910', 'd7ea6392-b02f-464b-a408-36d9f86b170e');
SELECT groups.id, groups.name, groups.description, groups.created_at, groups.updated_at, count(group_memberships.user_id) AS count_1 
FROM groups LEFT OUTER JOIN group_memberships ON groups.id = group_memberships.group_id GROUP BY groups.id ORDER BY groups.name;
SELECT users.id AS users_id, users.email AS users_email, users.full_name AS users_full_name, users.hashed_password AS users_hashed_password, users.is_active AS users_is_active, users.is_superuser AS users_is_superuser, users.created_at AS users_created_at, users.updated_at AS users_updated_at, users.color_mode AS users_color_mode 
FROM users 
WHERE users.id = 'b5c84170-9e0d-4429-82e6-14b7d649f50c';
UPDATE users SET updated_at=now(), dashboard_app_ids='["docs"]' WHERE users.id = 'b5c84170-9e0d-4429-82e6-14b7d649f50c';
SELECT users.id AS users_id, users.email AS users_email, users.full_name AS users_full_name, users.hashed_password AS users_hashed_password, users.is_active AS users_is_active, users.is_superuser AS users_is_superuser, users.created_at AS users_created_at, users.updated_at AS users_updated_at, users.dashboard_app_ids AS users_dashboard_app_ids 
FROM users 
WHERE users.id = 'b5c84170-9e0d-4429-82e6-14b7d649f50c';
UPDATE users SET updated_at=now(), color_mode='light' WHERE users.id = 'b5c84170-9e0d-4429-82e6-14b7d649f50c';
SELECT users.id AS users_id, users.email AS users_email, users.full_name AS users_full_name, users.hashed_password AS users_hashed_password, users.is_active AS users_is_active, users.is_superuser AS users_is_superuser, users.created_at AS users_created_at, users.updated_at AS users_updated_at, users.dashboard_app_ids AS users_dashboard_app_ids, users.color_mode AS users_color_mode 
FROM users 
WHERE users.id = 'd7ea6392-b02f-464b-a408-36d9f86b170e';
DELETE FROM users WHERE users.id = 'd7ea6392-b02f-464b-a408-36d9f86b170e';
SELECT groups.id AS groups_id, groups.name AS groups_name, groups.description AS groups_description, groups.created_at AS groups_created_at, groups.updated_at AS groups_updated_at 
FROM groups 
WHERE groups.id = 'f90c85b4-d241-486d-862a-58fb1a8d3910';
SELECT group_memberships.group_id AS group_memberships_group_id, group_memberships.user_id AS group_memberships_user_id, group_memberships.joined_at AS group_memberships_joined_at 
FROM group_memberships 
WHERE 'f90c85b4-d241-486d-862a-58fb1a8d3910' = group_memberships.group_id;
SELECT users.id AS users_id, users.email AS users_email, users.full_name AS users_full_name, users.hashed_password AS users_hashed_password, users.is_active AS users_is_active, users.is_superuser AS users_is_superuser, users.created_at AS users_created_at, users.updated_at AS users_updated_at, users.dashboard_app_ids AS users_dashboard_app_ids, users.color_mode AS users_color_mode 
FROM users 
WHERE users.id = 'b5c84170-9e0d-4429-82e6-14b7d649f50c';
