"""Keep with a seat where its call was before, signed by each, for the case that it goes on."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; of calls of the release before nothing is proved."""
    op.add_column("seat_leases", sa.Column("visits", sa.LargeBinary, nullable=True))
