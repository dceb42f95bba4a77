"""Find the seats that are held without looking at those of calls that have ended: their leases mostly run on for a while."""

from __future__ import annotations

from alembic import op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Put the state first in the index of leases."""
    op.create_index("ix_seat_leases_held", "seat_leases", ["state", "unit", "held_until"])
    op.drop_index("ix_seat_leases_unit", "seat_leases")
