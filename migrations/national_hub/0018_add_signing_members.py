"""Note which members sign what they hand to the broker."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; who has told nothing does not sign."""
    op.add_column("leases", sa.Column("signs", sa.Boolean, nullable=False, server_default=sa.false()))
