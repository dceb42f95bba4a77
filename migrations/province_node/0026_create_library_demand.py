"""Create where a node counts what is searched for in the library, word by word and without personal data."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from twelve333.adapters.sql.types import UtcDateTime

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables, empty."""
    op.create_table(
        "library_demand_days",
        sa.Column("day", sa.Date, primary_key=True),
        sa.Column("salt", sa.LargeBinary, nullable=False),
        sa.Column("searches", sa.Integer, nullable=False),
        sa.Column("without_hits", sa.Integer, nullable=False),
        sa.Column("told_at", UtcDateTime, nullable=True),
    )
    op.create_table(
        "library_demand_terms",
        sa.Column("day", sa.Date, primary_key=True),
        sa.Column("term", sa.Text, primary_key=True),
        sa.Column("desk", sa.Text, primary_key=True),
        sa.Column("searches", sa.Integer, nullable=False),
        sa.Column("without_hits", sa.Integer, nullable=False),
    )
