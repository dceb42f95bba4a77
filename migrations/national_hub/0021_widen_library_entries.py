"""Widen library entries: links, document, owner, review date, days of application, and when each text was recorded."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from twelve333.adapters.sql.types import UtcDateTime

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add what the previous program does without; when a text was recorded is known from its release."""
    for column in (
        sa.Column("recorded_at", UtcDateTime, nullable=True),
        sa.Column("derived", sa.Integer, nullable=True),
        sa.Column("document", sa.Text, nullable=True),
        sa.Column("owner_unit", sa.Text, nullable=True),
        sa.Column("review_due", sa.Date, nullable=True),
        sa.Column("applies_from", sa.Date, nullable=True),
        sa.Column("applies_to", sa.Date, nullable=True),
    ):
        op.add_column("library_entries", column)
    op.create_index("ix_library_entries_document", "library_entries", ["document"])
    op.create_index("ix_library_entries_review_due", "library_entries", ["review_due"])
    op.create_table(
        "library_links",
        sa.Column("row_id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("target", sa.Text, primary_key=True),
        sa.Column("kind", sa.Text, primary_key=True),
        sa.Column("since", sa.Date, nullable=True),
    )
    op.create_index("ix_library_links_target", "library_links", ["target"])
    op.add_column("library_changes", sa.Column("recorded_at", UtcDateTime, nullable=True))
    for table in ("library_entries", "library_changes"):
        op.execute(
            f"UPDATE {table} SET recorded_at = "  # noqa: S608 - constants
            f"(SELECT max(r.applied_at) FROM library_releases r WHERE r.number = {table}.release)"
        )
