"""Finds what was damaged where it lies: a flipped bit in the database's file, a sealed value that does not open any more.

At every start `migrate.check_sound` looks at the file as SQLite itself does; here every row and every single value are read, by
command. What is damaged is never repaired: the way back is the last backup, after which other members give back what came later.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, MetaData, Table, make_url
from sqlalchemy.exc import DatabaseError

from ...core.decision import Refusal, Refused, refuse
from ...core.delivery.codes import STORE_DAMAGED
from .database import Database
from .fields import reveal
from .reseal import PAGE_ROWS, behind


@dataclass(frozen=True, slots=True)
class Checked:
    """How much was read and found sound."""

    tables: int
    rows: int


async def check_all(database: Database, metadata: MetaData, url: str) -> Checked:
    """Check the file as a whole, then read every row and open every sealed value; the service may run meanwhile.

    Args:
        database: opened with the member's keyring.
        metadata: the service's tables.
        url: of the same database.

    Raises:
        Refused: DELIVERY_STORE_DAMAGED, naming the table; DELIVERY_STORE_UNAVAILABLE.
    """
    path = _file(url)
    if path is not None and (refusal := _damage(path, "integrity_check")):
        raise Refused(refusal)
    rows = 0
    for table in metadata.sorted_tables:
        after: Sequence[Any] | None = ()
        while after is not None:
            count, after = await database.read(partial(_page, table=table, after=after))
            rows += count
    return Checked(len(metadata.tables), rows)


def _page(tx: Connection, table: Table, after: Sequence[Any]) -> tuple[int, Sequence[Any] | None]:
    """Read and open one page of rows behind the primary key `after`; gives the last key, or None at the end."""
    try:
        rows = tx.execute(behind(table, after).limit(PAGE_ROWS)).mappings().all()
        for row in rows:
            reveal(tx, table, row)
    except Refused as refused:
        raise Refused(refuse(STORE_DAMAGED, where=table.name, reason=refused.refusal.code.name)) from refused
    except (DatabaseError, ValueError, LookupError) as error:  # ValueError: a value that its column's type cannot be
        raise Refused(refuse(STORE_DAMAGED, where=table.name, reason=type(getattr(error, "orig", None) or error).__name__)) from error
    names = [column.name for column in table.primary_key.columns]
    return len(rows), [rows[-1][name] for name in names] if len(rows) == PAGE_ROWS else None


def _damage(path: Path, pragma: str) -> Refusal | None:
    try:
        connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        try:
            (found,) = connection.execute(f"PRAGMA {pragma}(1)").fetchone()
        finally:
            connection.close()
    except sqlite3.OperationalError:
        return None  # away, locked or not readable: not for us to say
    except sqlite3.DatabaseError as error:
        found = type(error).__name__
    return None if found == "ok" else refuse(STORE_DAMAGED, where=path.name, reason="its pages do not fit together")


def _file(url: str) -> Path | None:
    parsed = make_url(url)
    return Path(str(parsed.database)) if parsed.get_backend_name() == "sqlite" else None
