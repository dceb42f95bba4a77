"""Create the table of declarations."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from twelve333.adapters.sql.types import UtcDateTime

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the history of what units declared."""
    op.create_table(
        "declarations",
        sa.Column("unit", sa.String(6), primary_key=True),
        sa.Column("revision", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("changed_at", UtcDateTime, nullable=False),
        sa.Column("declaration", sa.LargeBinary, nullable=False),
    )
