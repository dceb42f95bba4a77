"""Create where the hub keeps units' rules about their calls, with every revision that was in force."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from twelve333.adapters.sql.types import UtcDateTime

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "routing_policies",
        sa.Column("unit", sa.String(6), primary_key=True),
        sa.Column("revision", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("changed_at", UtcDateTime, nullable=False),
        sa.Column("policy", sa.LargeBinary, nullable=False),
    )
