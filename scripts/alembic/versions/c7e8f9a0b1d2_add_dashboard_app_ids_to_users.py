"""add dashboard_app_ids to users"""
import sqlalchemy as sa
from alembic import op

revision = "c7e8f9a0b1d2"
down_revision = "a3f9c2d14e87"


def upgrade() -> None:
    op.add_column("users", sa.Column("dashboard_app_ids", sa.JSON(), server_default="[]", nullable=False))


def downgrade() -> None:
    op.drop_column("users", "dashboard_app_ids")
