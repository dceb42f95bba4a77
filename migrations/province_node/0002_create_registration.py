"""Create the tables of registration."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from twelve333.adapters.sql.types import UtcDateTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the replica of the directory."""
    op.create_table(
        "directory",
        sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("received_at", UtcDateTime, nullable=False),
        sa.Column("document", sa.LargeBinary, nullable=False),
    )
