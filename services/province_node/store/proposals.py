"""What a node keeps of proposals of its province, and the supplements that its desks see beside national entries."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from sqlalchemy import Column, Connection, Integer, String, Table, Text, delete, insert, select, update

from twelve333.adapters.sql import UtcDateTime
from twelve333.adapters.sql.library_marks import take_rows
from twelve333.adapters.sql.proposals import ProposalStore
from twelve333.core.library.supplements import Supplement

from .library import tables
from .metadata import metadata

store: Final = ProposalStore(metadata)

supplements_table = Table(
    "library_supplements",
    metadata,
    Column("supplement_id", String(64), primary_key=True),
    Column("entry_id", String(64), nullable=False, index=True),
    Column("unit", String(6), nullable=False),
    Column("anchor", Text, nullable=False),  # the paragraph it hangs on, empty for the whole entry
    Column("base_version", Integer, nullable=False),
    Column("text", Text, nullable=False),
    Column("by", String(64), nullable=False),
    Column("at", UtcDateTime, nullable=False),
)
_FIELDS: Final = Supplement.__slots__


def supplement(tx: Connection, supplement_id: str) -> Supplement | None:
    """One supplement."""
    row = tx.execute(select(supplements_table).where(supplements_table.c.supplement_id == supplement_id)).mappings().one_or_none()
    return Supplement(**{name: row[name] for name in _FIELDS}) if row else None


def supplements(tx: Connection, entry_ids: Collection[str] | None = None) -> list[Supplement]:
    """Supplements by entry and id; of these entries only, if they are given."""
    columns = supplements_table.c
    query = select(supplements_table).order_by(columns.entry_id, columns.supplement_id)
    if entry_ids is not None:
        query = query.where(columns.entry_id.in_(list(entry_ids)))
    return [Supplement(**{name: row[name] for name in _FIELDS}) for row in tx.execute(query).mappings()]


def words_beside(tx: Connection) -> list[tuple[int, str, str]]:
    """The supplements to entries that are held, as a search takes them: the row of the entry, id and text."""
    s, e = supplements_table.c, tables.library_entries.c
    query = select(e.row_id, s.supplement_id, s.text).join(tables.library_entries, e.entry_id == s.entry_id)
    return [(row.row_id, row.supplement_id, row.text) for row in tx.execute(query.order_by(e.row_id, s.supplement_id))]


def keep_supplement(tx: Connection, kept: Supplement) -> None:
    """Put a supplement in the place of the one with its id."""
    values = {name: getattr(kept, name) for name in _FIELDS}
    known = supplements_table.c.supplement_id == kept.supplement_id
    if tx.execute(update(supplements_table).where(known).values(values)).rowcount == 0:
        tx.execute(insert(supplements_table).values(values))
    take_rows(tx, tables, 0)  # entries are found by other words


def drop_supplement(tx: Connection, supplement_id: str) -> bool:
    """Take a supplement away; whether it was there."""
    gone = tx.execute(delete(supplements_table).where(supplements_table.c.supplement_id == supplement_id)).rowcount > 0
    take_rows(tx, tables, 0)
    return gone
