"""Create where the hub keeps members' public keys, to which others seal what they tell them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from twelve333.adapters.sql.types import UtcDateTime

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "encryption_keys",
        sa.Column("member", sa.String(6), primary_key=True),
        sa.Column("public_key", sa.LargeBinary, nullable=False),
        sa.Column("since", UtcDateTime, nullable=False),
    )
