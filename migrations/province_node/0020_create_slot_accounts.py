"""Keep what slots of units were promised to other members, and with each seat the kept part in which it is."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from twelve333.adapters.sql.types import UtcDateTime

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table and add the columns; calls of the release before sit among everybody's."""
    op.add_column("seat_leases", sa.Column("pool", sa.String(64), nullable=False, server_default=""))
    op.add_column("seat_leases", sa.Column("slot", sa.Boolean, nullable=False, server_default=sa.false()))
    op.create_table(
        "slot_accounts",
        sa.Column("unit", sa.String(6), primary_key=True),
        sa.Column("member", sa.String(6), primary_key=True),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.Column("promises", sa.JSON, nullable=False),
        sa.Column("wanted", sa.JSON, nullable=False),
        sa.Column("until", UtcDateTime, nullable=False),
    )
    op.create_index("ix_slot_accounts_until", "slot_accounts", ["until"])
