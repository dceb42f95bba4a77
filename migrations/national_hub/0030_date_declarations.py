"""Let declarations be dated ahead: from when each holds, and whether it was taken back; those there are hold since they were entered."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from twelve333.adapters.sql.types import UtcDateTime

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns."""
    op.add_column("declarations", sa.Column("begins_at", UtcDateTime, nullable=True))
    op.add_column("declarations", sa.Column("cancelled_at", UtcDateTime, nullable=True))
