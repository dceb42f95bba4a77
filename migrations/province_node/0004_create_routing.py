"""Create the tables of handoffs and seat leases."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from twelve333.adapters.sql.types import UtcDateTime

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create outgoing handoffs with their steps, and the seats leased to incoming ones."""
    op.create_table(
        "handoffs",
        sa.Column("id", sa.String(64), primary_key=True),
        *_call(),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("unit", sa.String(6), nullable=False),
        sa.Column("member", sa.String(6), nullable=False),
        sa.Column("offer_id", sa.String(80), nullable=False),
        sa.Column("target", sa.String(255), nullable=False),
        sa.Column("reason", sa.String(64), nullable=False),
        sa.Column("last_resort", sa.String(16), nullable=False),
        sa.Column("held_until", UtcDateTime, nullable=True),
        sa.Column("placed_at", UtcDateTime, nullable=False),
        sa.Column("context", sa.JSON, nullable=False),
        sa.Column("context_sha256", sa.LargeBinary, nullable=False),
        sa.Column("route", sa.LargeBinary, nullable=False),
    )
    op.create_index("ix_handoffs_placed_at", "handoffs", ["placed_at"])
    op.create_index("ix_handoffs_state", "handoffs", ["state", "held_until"])
    op.create_table(
        "handoff_steps",
        sa.Column("handoff_id", sa.String(64), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("unit", sa.String(6), nullable=False),
        sa.Column("reason", sa.String(64), nullable=False),
        sa.Column("at", UtcDateTime, nullable=False),
    )
    _create_leases()


def _create_leases() -> None:
    op.create_table(
        "seat_leases",
        sa.Column("from_member", sa.String(6), primary_key=True),
        sa.Column("offer_id", sa.String(80), primary_key=True),
        sa.Column("handoff_id", sa.String(64), nullable=False),
        *_call(),
        sa.Column("unit", sa.String(6), nullable=False),
        sa.Column("expires_at", UtcDateTime, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("target", sa.String(255), nullable=False),
        sa.Column("accepted_at", UtcDateTime, nullable=False),
        sa.Column("held_until", UtcDateTime, nullable=False),
        sa.Column("context", sa.JSON, nullable=False),
        sa.Column("context_sha256", sa.LargeBinary, nullable=False),
    )
    op.create_index("ix_seat_leases_handoff_id", "seat_leases", ["handoff_id"])
    op.create_index("ix_seat_leases_unit", "seat_leases", ["unit", "held_until"])
    op.create_index("ix_seat_leases_accepted_at", "seat_leases", ["accepted_at"])


def _call() -> list[sa.Column[object]]:
    return [
        sa.Column("from_unit", sa.String(6), nullable=False),
        sa.Column("region", sa.String(6), nullable=False),
        sa.Column("caller_region", sa.String(6), nullable=False),
        sa.Column("topic", sa.String(32), nullable=False),
        sa.Column("language", sa.String(32), nullable=False),
        sa.Column("visited", sa.JSON, nullable=False),
    ]
