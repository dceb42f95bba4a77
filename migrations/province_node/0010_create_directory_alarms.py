"""Create where a node keeps when the hub last confirmed its directory, and what went wrong with directories."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from twelve333.adapters.sql.types import UtcDateTime

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "directory_confirmation",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("signed_at", UtcDateTime, nullable=False),
        sa.Column("confirmed_at", UtcDateTime, nullable=False),
    )
    op.create_table(
        "directory_alarms",
        sa.Column("code", sa.String(64), primary_key=True),
        sa.Column("count", sa.BigInteger, nullable=False),
        sa.Column("first_at", UtcDateTime, nullable=False),
        sa.Column("last_at", UtcDateTime, nullable=False),
    )
