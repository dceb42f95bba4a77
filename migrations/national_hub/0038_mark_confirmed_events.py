"""Mark how far lines are confirmed, instead of writing each confirmed event again.

What the release before noted in the events becomes marks, one a day. Its program can still run on this: it notes more there, which the
next mark covers.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from twelve333.adapters.sql import UtcDateTime

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the marks, fill them, and drop the index of what is not written any more."""
    marks = op.create_table(
        "outbox_confirmed",
        sa.Column("destination", sa.Text, primary_key=True),
        sa.Column("epoch", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("sequence", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("confirmed_at", UtcDateTime, nullable=False),
    )
    op.create_index("ix_outbox_confirmed_confirmed_at", "outbox_confirmed", ["confirmed_at"])
    outbox = sa.table("outbox", *(sa.column(name) for name in ("destination", "epoch", "sequence", "closed_at"))).c
    last = sa.func.max(outbox.sequence), sa.func.max(outbox.closed_at)
    days = sa.select(outbox.destination, outbox.epoch, *last).where(outbox.closed_at.is_not(None))
    days = days.group_by(outbox.destination, outbox.epoch, sa.func.date(outbox.closed_at))
    op.execute(sa.insert(marks).from_select(["destination", "epoch", "sequence", "confirmed_at"], days))
    op.drop_index("ix_outbox_closed_at", "outbox")
