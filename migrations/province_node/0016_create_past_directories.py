"""Create where a node keeps the directories it decided by, so that a decision can be replayed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from twelve333.adapters.sql.types import UtcDateTime

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table; what came before is not known any more."""
    op.create_table(
        "past_directories",
        sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("received_at", UtcDateTime, nullable=False, index=True),
        sa.Column("payload", sa.LargeBinary, nullable=False),
    )
