"""Nothing to create: a node reads coverage from its replica of the directory. Keeps the numbers of both services in step."""

from __future__ import annotations

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Leave the database as it is."""
