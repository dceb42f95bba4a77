"""Create the tables of registration."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from twelve333.adapters.sql.types import UtcDateTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create members, units, join tokens and the directory."""
    op.create_table(
        "members",
        sa.Column("name", sa.String(6), primary_key=True),
        sa.Column("endpoint", sa.String(262), nullable=False),
        sa.Column("key_fingerprint", sa.String(64), nullable=False),
        sa.Column("joined_at", UtcDateTime, nullable=False),
    )
    op.create_table(
        "units",
        sa.Column("code", sa.String(6), primary_key=True),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("province", sa.String(6), nullable=False),
        sa.Column("parent", sa.String(6), nullable=False),
        sa.Column("level", sa.String(16), nullable=False),
        sa.Column("member", sa.String(6), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("with_system", sa.Boolean, nullable=False),
    )
    op.create_index("ix_units_province", "units", ["province"])
    op.create_table(
        "join_tokens",
        sa.Column("secret_sha256", sa.String(64), primary_key=True),
        sa.Column("province", sa.String(6), nullable=False),
        sa.Column("expires_at", UtcDateTime, nullable=False),
        sa.Column("used_by", sa.String(64), nullable=False),
    )
    op.create_table(
        "directory",
        sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("made_at", UtcDateTime, nullable=False),
        sa.Column("document", sa.LargeBinary, nullable=False),
    )
