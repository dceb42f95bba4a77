"""Name in the library's change log the document that each text belongs to, so that its texts are found again after their removal."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; texts logged before are found through the entries held."""
    op.add_column("library_changes", sa.Column("document", sa.Text, nullable=True))
    op.create_index("ix_library_changes_document", "library_changes", ["document"])
