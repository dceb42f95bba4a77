"""Let a replica withhold entries that an urgent release is about to take out or put right."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add a column that the previous program leaves empty: it shows everything."""
    op.add_column("library_entries", sa.Column("withheld", sa.Integer, nullable=True))
