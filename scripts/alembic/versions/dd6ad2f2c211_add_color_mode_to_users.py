"""add color_mode to users"""
import sqlalchemy as sa
from alembic import op

revision = "dd6ad2f2c211"
down_revision = "c7e8f9a0b1d2"


def upgrade() -> None:
    op.add_column("users", sa.Column("color_mode", sa.String(10), nullable=True))


def downgrade() -> None:
    op.drop_column("users", "color_mode")
