"""Note signs of life of units, and since when one is silent; units that are there already are taken as heard now."""

from __future__ import annotations

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

from twelve333.adapters.sql.types import UtcDateTime

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table and add the columns."""
    op.add_column("units", sa.Column("silent_since", UtcDateTime, nullable=True))
    op.add_column("unit_history", sa.Column("silent", sa.Boolean, nullable=False, server_default=sa.false()))
    signs = op.create_table(
        "unit_signs",
        sa.Column("code", sa.String(6), primary_key=True),
        sa.Column("at", UtcDateTime, nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
    )
    units = sa.table("units", sa.column("code"))
    rows = sa.select(units.c.code, sa.literal(datetime.now(UTC), UtcDateTime), sa.literal("entered"))
    op.execute(sa.insert(signs).from_select(["code", "at", "kind"], rows))
