"""Say of each record of the audit log which hash it has; those before have SHA-256."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    op.add_column("audit", sa.Column("suite", sa.String(16), nullable=False, server_default="sha256"))
