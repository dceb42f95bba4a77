"""Note since when nothing names a piece of a file any more."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from twelve333.adapters.sql.types import UtcDateTime

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add a column that the previous program leaves empty: to it every piece is in use."""
    op.add_column("library_pieces", sa.Column("unused_since", UtcDateTime, nullable=True))
