"""Let the search index gather more in memory before it writes a segment: fewer segments, less merging."""

from __future__ import annotations

from alembic import op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Eight times as much as FTS5 does by itself, at most so many bytes in the one connection that writes."""
    if op.get_bind().dialect.name == "sqlite":
        op.execute("INSERT INTO library_index(library_index, rank) VALUES ('hashsize', 8388608)")
