"""Create what the hub remembers of a restore and of directories handed back after it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from twelve333.adapters.sql.types import UtcDateTime

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "recovery",
        sa.Column("began_at", UtcDateTime, primary_key=True),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("directory", sa.LargeBinary, nullable=False),
        sa.Column("library_settled_at", UtcDateTime, nullable=True),
    )
    op.create_table(
        "directory_returns",
        sa.Column("member", sa.String(6), primary_key=True),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("entered", sa.Integer, nullable=False),
        sa.Column("returned_at", UtcDateTime, nullable=False),
    )
