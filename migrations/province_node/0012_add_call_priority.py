"""Keep the priority of a call with the seat it was given."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; calls of the release before have the usual priority."""
    op.add_column("seat_leases", sa.Column("priority", sa.Integer, nullable=False, server_default="0"))
