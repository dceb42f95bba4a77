"""Create where frames of the library are kept that have come and are not written yet."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table, empty."""
    op.create_table(
        "library_frames",
        sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("frame", sa.LargeBinary, nullable=False),
    )
