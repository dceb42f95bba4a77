"""Create delivery: epoch, outbox and inbox. Revisions only go forward; the way back is a backup and a new epoch."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from twelve333.adapters.sql import UtcDateTime

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables."""
    _epoch()
    _outbox()
    _inbox()


def _epoch() -> None:
    op.create_table(
        "epoch",
        sa.Column("member", sa.Text, primary_key=True),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.Column("began_at", UtcDateTime, nullable=False),
    )


def _outbox() -> None:
    op.create_table(
        "outbox",
        sa.Column("destination", sa.Text, primary_key=True),
        sa.Column("epoch", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("sequence", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("event_id", sa.Text, nullable=False, unique=True),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("payload", sa.LargeBinary, nullable=False),
        sa.Column("occurred_at", UtcDateTime, nullable=False),
        sa.Column("trace", sa.JSON, nullable=False),
        sa.Column("closed_at", UtcDateTime, nullable=True),
    )
    op.create_index("ix_outbox_closed_at", "outbox", ["closed_at"])
    op.create_table(
        "outbox_heads",
        sa.Column("destination", sa.Text, primary_key=True),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.Column("sequence", sa.BigInteger, nullable=False),
        sa.Column("watermark", sa.BigInteger, nullable=False),
        sa.Column("delivered", sa.BigInteger, nullable=False),
    )


def _inbox() -> None:
    op.create_table(
        "inbox_heads",
        sa.Column("origin", sa.Text, primary_key=True),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.Column("watermark", sa.BigInteger, nullable=False),
        sa.Column("applied", sa.BigInteger, nullable=False),
        sa.Column("duplicates", sa.BigInteger, nullable=False),
        sa.Column("gaps", sa.BigInteger, nullable=False),
        sa.Column("refused", sa.BigInteger, nullable=False),
        sa.Column("updated_at", UtcDateTime, nullable=False),
    )
    op.create_table(
        "inbox_events",
        sa.Column("origin", sa.Text, primary_key=True),
        sa.Column("event_id", sa.Text, primary_key=True),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.Column("sequence", sa.BigInteger, nullable=False),
        sa.Column("applied_at", UtcDateTime, nullable=False),
    )
    op.create_table(
        "inbox_parked",
        sa.Column("origin", sa.Text, primary_key=True),
        sa.Column("event_id", sa.Text, primary_key=True),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.Column("sequence", sa.BigInteger, nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("payload", sa.LargeBinary, nullable=False),
        sa.Column("occurred_at", UtcDateTime, nullable=False),
        sa.Column("code", sa.Text, nullable=False),
        sa.Column("parked_at", UtcDateTime, nullable=False),
    )
