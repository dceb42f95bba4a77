"""Move what a node counted about directories to its other alarms, as alarms about the hub: one store, one command that lists them.

Safe for the release before: its table stays, empty, and what it counts there until it is restarted is in its log.
"""

from __future__ import annotations

from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Move the rows; no alarm about the hub has one of these codes yet."""
    op.execute(
        "INSERT INTO alarms (member, code, detail, count, first_at, last_at) "
        "SELECT 'hub', code, '', count, first_at, last_at FROM directory_alarms"
    )
    op.execute("DELETE FROM directory_alarms")
