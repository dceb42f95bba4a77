"""Create what is kept of deleting: reports, holds, and when the texts of a case were deleted."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from twelve333.adapters.sql.types import UtcDateTime

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables, the column and its index."""
    op.create_table(
        "retention_runs",
        sa.Column("digest", sa.String(64), primary_key=True),
        sa.Column("at", UtcDateTime, nullable=False),
        sa.Column("report", sa.Text, nullable=False),
    )
    op.create_index("ix_retention_runs_at", "retention_runs", ["at"])
    op.create_table(
        "retention_holds",
        sa.Column("case_id", sa.String(64), primary_key=True),
        sa.Column("reference", sa.String(64), nullable=False),
        sa.Column("placed_at", UtcDateTime, nullable=False),
    )
    op.add_column("cases", sa.Column("forgotten_at", UtcDateTime, nullable=True))
    op.create_index("ix_cases_forgotten", "cases", ["state", "forgotten_at"])
