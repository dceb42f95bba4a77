"""Create the tables of cases."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from twelve333.adapters.sql.types import UtcDateTime

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create cases, their steps, and the steps that wait for a predecessor."""
    _create_cases()
    op.create_table(
        "case_steps",
        sa.Column("case_id", sa.String(64), primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("step_id", sa.String(64), nullable=False),
        sa.Column("at", UtcDateTime, nullable=False),
        sa.Column("step", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "case_steps_held",
        sa.Column("case_id", sa.String(64), primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("origin", sa.String(6), primary_key=True),
        sa.Column("held_at", UtcDateTime, nullable=False),
        sa.Column("taken", sa.LargeBinary, nullable=False),
    )


def _create_cases() -> None:
    op.create_table(
        "cases",
        sa.Column("case_id", sa.String(64), primary_key=True),
        sa.Column("topic", sa.String(32), nullable=False),
        sa.Column("region", sa.String(6), nullable=False),
        sa.Column("summary", sa.Text, nullable=False),
        sa.Column("opened_at", UtcDateTime, nullable=False),
        sa.Column("first_unit", sa.String(6), nullable=False),
        sa.Column("first_member", sa.String(6), nullable=False),
        sa.Column("owner_unit", sa.String(6), nullable=False),
        sa.Column("owner_member", sa.String(6), nullable=False),
        sa.Column("owner_epoch", sa.Integer, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("pending_unit", sa.String(6), nullable=True),
        sa.Column("pending_member", sa.String(6), nullable=True),
        sa.Column("offered_at", UtcDateTime, nullable=True),
        sa.Column("answer", sa.Text, nullable=False),
        sa.Column("caller_due_at", UtcDateTime, nullable=False),
        sa.Column("caller_due_provisional", sa.Boolean, nullable=False),
        sa.Column("owner_due_at", UtcDateTime, nullable=False),
        sa.Column("owner_due_provisional", sa.Boolean, nullable=False),
    )
    op.create_index("ix_cases_caller_due", "cases", ["caller_due_at", "case_id"])
    op.create_index("ix_cases_owner_unit", "cases", ["owner_unit", "state"])


def downgrade() -> None:
    """Drop them."""
    for table in ("case_steps_held", "case_steps", "cases"):
        op.drop_table(table)
