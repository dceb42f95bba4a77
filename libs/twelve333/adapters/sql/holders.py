"""What a member keeps of operators, desktops and business systems whose certificates it made or ended."""

from __future__ import annotations

from sqlalchemy import Column, Connection, MetaData, String, Table, delete, insert, select

from ...core.identity import Role
from ...core.registration.holders import Holder
from .types import UtcDateTime


class HolderStore:
    """The table of one service and plain functions on it; each takes the connection of a unit of work."""

    def __init__(self, metadata: MetaData) -> None:
        self.holders = _table(metadata)

    def load(self, tx: Connection, role: Role, name: str) -> Holder | None:
        """What was decided about a name, or None."""
        columns = self.holders.c
        row = tx.execute(select(self.holders).where(columns.role == role.value, columns.name == name)).mappings().first()
        return Holder(**{**row, "role": Role(row["role"])}) if row else None

    def list(self, tx: Connection) -> list[Holder]:
        """All of them by role and name."""
        columns = self.holders.c
        rows = tx.execute(select(self.holders).order_by(columns.role, columns.name)).mappings()
        return [Holder(**{**row, "role": Role(row["role"])}) for row in rows]

    def save(self, tx: Connection, holder: Holder) -> None:
        """Keep what was decided in place of what was before."""
        columns = self.holders.c
        tx.execute(delete(self.holders).where(columns.role == holder.role.value, columns.name == holder.name))
        values = {name: getattr(holder, name) for name in Holder.__slots__}
        tx.execute(insert(self.holders).values({**values, "role": holder.role.value}))


def _table(metadata: MetaData) -> Table:
    return Table(
        "holders",
        metadata,
        Column("role", String(16), primary_key=True),
        Column("name", String(64), primary_key=True),
        Column("key_fingerprint", String(64), nullable=False),
        Column("since", UtcDateTime, nullable=False),
        Column("revoked_at", UtcDateTime, nullable=True),
        Column("reason", String(200), nullable=False),
    )
