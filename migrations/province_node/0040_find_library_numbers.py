"""Find entries of the library by their document number."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0040"
down_revision = "0039"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add a column, which is filled from the contents at the next start, and an index."""
    op.add_column("library_entries", sa.Column("number", sa.Text))
    op.create_index("ix_library_entries_number", "library_entries", ["number"])
