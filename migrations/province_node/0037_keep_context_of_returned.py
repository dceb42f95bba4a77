"""Keep what was told with a call that came back until a time, and by which handoff a call came that goes on from here."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from twelve333.adapters.sql.types import UtcDateTime

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add columns that the previous program leaves alone; few rows have a time, and only those are in the index."""
    op.add_column("handoffs", sa.Column("context_until", UtcDateTime, nullable=True))
    op.add_column("handoffs", sa.Column("came_by", sa.String(64), nullable=False, server_default=""))
    some = sa.text("context_until IS NOT NULL")
    op.create_index("ix_handoffs_context_until", "handoffs", ["context_until"], sqlite_where=some, postgresql_where=some)
