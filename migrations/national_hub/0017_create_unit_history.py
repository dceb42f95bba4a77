"""Create the history of units: where each stood, and from when, so that coverage can be counted for any date."""

from __future__ import annotations

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

from twelve333.adapters.sql.types import UtcDateTime

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table; units that are there already stand as they do from now on, since nobody wrote down when that began."""
    history = op.create_table(
        "unit_history",
        sa.Column("code", sa.String(6), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("since", UtcDateTime, nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("with_system", sa.Boolean, nullable=False),
        sa.Column("planned", sa.Boolean, nullable=False),
    )
    units = sa.table("units", sa.column("code"), sa.column("status"), sa.column("with_system"))
    now = sa.literal(datetime.now(UTC), UtcDateTime)
    rows = sa.select(units.c.code, sa.literal(1), now, units.c.status, units.c.with_system, sa.false())
    op.execute(sa.insert(history).from_select(["code", "number", "since", "status", "with_system", "planned"], rows))
