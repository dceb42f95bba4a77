"""Create the register of certificates, with one entry for each member that joined before there was one."""

from __future__ import annotations

from datetime import timedelta

import sqlalchemy as sa
from alembic import op

from twelve333.adapters.sql.types import UtcDateTime

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

LIFETIME_MOST = timedelta(days=90)  # of any certificate issued so far


def upgrade() -> None:
    """Create certificates; the serial of those issued before was not kept, their key was."""
    certificates = op.create_table(
        "certificates",
        sa.Column("serial", sa.String(40), primary_key=True),
        sa.Column("member", sa.String(6), nullable=False),
        sa.Column("key_fingerprint", sa.String(64), nullable=False),
        sa.Column("issued_at", UtcDateTime, nullable=False),
        sa.Column("not_after", UtcDateTime, nullable=False),
        sa.Column("revoked_at", UtcDateTime, nullable=True),
        sa.Column("reason", sa.String(200), nullable=False),
    )
    op.create_index("ix_certificates_member", "certificates", ["member"])
    op.create_index("ix_certificates_key_fingerprint", "certificates", ["key_fingerprint"])
    members = sa.table("members", sa.column("name"), sa.column("key_fingerprint"), sa.column("joined_at", UtcDateTime))
    for name, fingerprint, joined_at in op.get_bind().execute(sa.select(members)):
        entry = {"serial": f"joined-{name}", "member": name, "key_fingerprint": fingerprint, "reason": "", "revoked_at": None}
        op.bulk_insert(certificates, [{**entry, "issued_at": joined_at, "not_after": joined_at + LIFETIME_MOST}])
