"""Count for each destination the events of work that wait, so that a limit can be kept without reading them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

UNLIMITED = ("registration", "library", "audit", "delivery", "routing")


def upgrade() -> None:
    """Add the count. The release before leaves it as it is; it is right again as soon as a destination has confirmed everything."""
    op.add_column("outbox_heads", sa.Column("work", sa.BigInteger, nullable=False, server_default="0"))
    outbox = sa.table("outbox", sa.column("destination"), sa.column("type"), sa.column("closed_at"))
    heads = sa.table("outbox_heads", sa.column("destination"), sa.column("work"))
    unlimited = sa.or_(*(outbox.c.type.startswith(f"twelve333.api.{capability}.") for capability in UNLIMITED))
    waits = sa.and_(outbox.c.destination == heads.c.destination, outbox.c.closed_at.is_(None), sa.not_(unlimited))
    op.execute(sa.update(heads).values(work=sa.select(sa.func.count()).select_from(outbox).where(waits).scalar_subquery()))
