"""Create what tells copies of a member apart: fences, digests of events, leases of running copies, and alarms.

Safe for the release before: it inserts no rows into the new tables, and the new columns have defaults.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from twelve333.adapters.sql.types import UtcDateTime

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns, create the tables."""
    op.add_column("inbox_heads", sa.Column("fence", sa.BigInteger, nullable=False, server_default="0"))
    op.add_column("inbox_events", sa.Column("digest", sa.LargeBinary, nullable=True))
    op.create_table(
        "instance",
        sa.Column("member", sa.Text, primary_key=True),
        sa.Column("instance", sa.Text, nullable=False),
        sa.Column("starts", sa.BigInteger, nullable=False),
        sa.Column("fence", sa.BigInteger, nullable=False),
        sa.Column("holder", sa.Text, nullable=False),
        sa.Column("home", sa.Text, nullable=False),
        sa.Column("fenced_epoch", sa.BigInteger, nullable=False),
        sa.Column("changed_at", UtcDateTime, nullable=False),
    )
    op.create_table(
        "alarms",
        sa.Column("member", sa.Text, primary_key=True),
        sa.Column("code", sa.Text, primary_key=True),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("count", sa.Integer, nullable=False),
        sa.Column("first_at", UtcDateTime, nullable=False),
        sa.Column("last_at", UtcDateTime, nullable=False),
    )
    op.create_table(
        "leases",
        sa.Column("member", sa.String(6), primary_key=True),
        sa.Column("instance", sa.Text, nullable=False),
        sa.Column("fence", sa.BigInteger, nullable=False),
        sa.Column("granted_at", UtcDateTime, nullable=False),
    )
