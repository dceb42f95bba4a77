"""Keep what each unit's telephone system plays, beside what is told of whole members."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from twelve333.adapters.sql.types import UtcDateTime

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create a table that the previous program does not look at."""
    op.create_table(
        "library_unit_playing",
        sa.Column("unit", sa.Text, primary_key=True),
        sa.Column("entry_id", sa.Text, primary_key=True),
        sa.Column("member", sa.Text, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("reported_at", UtcDateTime, nullable=False),
    )
