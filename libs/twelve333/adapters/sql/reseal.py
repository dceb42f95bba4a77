"""Seals again what is sealed under an older key, or not sealed at all: page by page, beside the running service.

Each page is one unit of work, so it takes turns with the service's own (one writer on SQLite, one lock on PostgreSQL) and nothing that
the service writes meanwhile is lost. It may be broken off and repeated at any time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from sqlalchemy import Connection, MetaData, RowMapping, Table, and_, or_, select, update

from .database import Database
from .fields import fields_of, personal_columns, protect, reveal, sealed_bytes

PAGE_ROWS: Final = 500


@dataclass(frozen=True, slots=True)
class Resealed:
    """What one pass found: rows sealed under an older key, and rows that held something plain; all are sealed anew now."""

    older: int = 0
    plain: int = 0

    def __add__(self, other: Resealed) -> Resealed:
        """Both together."""
        return Resealed(self.older + other.older, self.plain + other.plain)


async def reseal(database: Database, metadata: MetaData) -> Resealed:
    """Go once through every table with personal columns.

    Args:
        database: opened with the cipher to seal with.
        metadata: the service's tables.

    Raises:
        Refused: SECURITY_FIELD_*: a value does not open; what was sealed before it stays so.
    """
    total = Resealed()
    for table in metadata.sorted_tables:
        after: Sequence[Any] | None = () if personal_columns(table) else None
        while after is not None:
            found, after = await database.write(partial(_page, table=table, after=after))
            total += found
    return total


def _page(tx: Connection, table: Table, after: Sequence[Any]) -> tuple[Resealed, Sequence[Any] | None]:
    """One page of rows behind the primary key `after`; gives the last key, or None at the end."""
    names = [column.name for column in table.primary_key.columns]
    rows = tx.execute(behind(table, after).limit(PAGE_ROWS)).mappings().all()
    found = Resealed()
    for row in rows:
        kinds = _kinds(tx, table, row)
        if kinds:
            _seal_again(tx, table, row)
            found += Resealed(plain=1) if "plain" in kinds else Resealed(older=1)
    return found, [rows[-1][name] for name in names] if len(rows) == PAGE_ROWS else None


def behind(table: Table, after: Sequence[Any]) -> Any:
    """The rows of a table in the order of their primary key, after the one named; all if none is."""
    keys = list(table.primary_key.columns)
    query = select(table).order_by(*keys)
    if not after:
        return query
    steps = [and_(*(k == v for k, v in zip(keys[:n], after[:n], strict=True)), keys[n] > after[n]) for n in range(len(keys))]
    return query.where(or_(*steps))


def _kinds(tx: Connection, table: Table, row: RowMapping) -> set[str]:
    """What a row holds that is not sealed under the current key."""
    kinds: set[str] = set()
    for column, _ in personal_columns(table):
        sealed = sealed_bytes(row[column.name])
        if sealed is not None and not fields_of(tx).is_current(sealed):
            kinds.add("older")
        elif sealed is None and row[column.name]:
            kinds.add("plain")
    return kinds


def _seal_again(tx: Connection, table: Table, row: RowMapping) -> None:
    sealed = protect(tx, table, reveal(tx, table, row))
    values = {column.name: sealed[column.name] for column, _ in personal_columns(table)}
    tx.execute(update(table).where(*(column == row[column.name] for column in table.primary_key.columns)).values(values))
