"""Create where the hub counts what is searched for in the library, word by word and without personal data."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables, empty."""
    op.create_table(
        "library_demand",
        sa.Column("member", sa.Text, primary_key=True),
        sa.Column("day", sa.Date, primary_key=True),
        sa.Column("term", sa.Text, primary_key=True),
        sa.Column("searches", sa.Integer, nullable=False),
        sa.Column("without_hits", sa.Integer, nullable=False),
    )
