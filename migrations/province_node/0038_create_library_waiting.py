"""Keep which contents of the library the search index has not taken in yet; find what is withheld without reading all entries."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create a table that the previous program does not look at, since it indexes all as it comes, and an index over very few rows."""
    op.create_table(
        "library_waiting",
        sa.Column("row_id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("bytes", sa.Integer, nullable=False),
    )
    some = sa.text("withheld IS NOT NULL")
    op.create_index("ix_library_entries_withheld", "library_entries", ["withheld"], sqlite_where=some, postgresql_where=some)
