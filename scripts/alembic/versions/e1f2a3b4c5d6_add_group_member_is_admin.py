"""add group member is admin"""
import sqlalchemy as sa
from alembic import op

revision = "e1f2a3b4c5d6"
down_revision = "dd6ad2f2c211"


def upgrade() -> None:
    op.add_column("group_memberships", sa.Column("is_group_admin", sa.Boolean(), server_default=sa.text("false"), nullable=False))


def downgrade() -> None:
    op.drop_column("group_memberships", "is_group_admin")
