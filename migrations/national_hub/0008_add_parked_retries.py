"""Add to events set aside what they are about, and how often an operator had them tried again."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from twelve333.adapters.sql.types import UtcDateTime

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; what the release before set aside is about nothing in particular."""
    op.add_column("inbox_parked", sa.Column("key", sa.Text, nullable=False, server_default=""))
    op.add_column("inbox_parked", sa.Column("retries", sa.Integer, nullable=False, server_default="0"))
    op.add_column("inbox_parked", sa.Column("retried_at", UtcDateTime, nullable=True))
