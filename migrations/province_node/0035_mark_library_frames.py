"""Tell frames of the log from those of parts of the tree, so that each goes on where it belongs."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add a column; frames that the previous program kept are of parts."""
    op.add_column("library_frames", sa.Column("log", sa.Boolean, nullable=False, server_default=sa.false()))
