"""Create where a node keeps proposals to the library and its own supplements."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from twelve333.adapters.sql.types import UtcDateTime

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create proposals, their steps, and supplements."""
    op.create_table(
        "library_proposals",
        sa.Column("proposal_id", sa.String(64), primary_key=True),
        sa.Column("member", sa.String(6), nullable=False),
        sa.Column("proposer", sa.String(64), nullable=False),
        sa.Column("entry_id", sa.String(64), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("changed_at", UtcDateTime, nullable=False),
        sa.Column("base", sa.LargeBinary, nullable=True),
    )
    op.create_index("ix_library_proposals_changed", "library_proposals", ["changed_at", "proposal_id"])
    op.create_table(
        "library_proposal_steps",
        sa.Column("proposal_id", sa.String(64), primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("step", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "library_supplements",
        sa.Column("supplement_id", sa.String(64), primary_key=True),
        sa.Column("entry_id", sa.String(64), nullable=False, index=True),
        sa.Column("unit", sa.String(6), nullable=False),
        sa.Column("anchor", sa.Text, nullable=False),
        sa.Column("base_version", sa.Integer, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("by", sa.String(64), nullable=False),
        sa.Column("at", UtcDateTime, nullable=False),
    )
