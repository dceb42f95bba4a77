"""Create where the hub keeps how members stand with roots and directory."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from twelve333.adapters.sql.types import UtcDateTime

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "member_standings",
        sa.Column("member", sa.String(6), primary_key=True),
        sa.Column("told_at", UtcDateTime, nullable=False),
        sa.Column("standing", sa.LargeBinary, nullable=False),
    )
