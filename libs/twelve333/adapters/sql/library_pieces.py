"""Pieces of files in the database, each once by its hash, so that a backup holds them and a copy that broke off goes on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from hashlib import sha256

from sqlalchemy import Connection, insert, select

from ...core.library.model import Entry
from .library import decoded
from .library_tables import LibraryTables

CHUNK = 200


def missing(tx: Connection, tables: LibraryTables, digests: Iterable[bytes]) -> list[bytes]:
    """Those of `digests` that are not held, each once, in their order."""
    wanted = list(dict.fromkeys(digests))
    t = tables.library_pieces.c
    held: set[str] = set()
    for start in range(0, len(wanted), CHUNK):
        names = [digest.hex() for digest in wanted[start : start + CHUNK]]
        held.update(tx.execute(select(t.digest).where(t.digest.in_(names))).scalars())
    return [digest for digest in wanted if digest.hex() not in held]


def keep(tx: Connection, tables: LibraryTables, content: bytes, now: datetime) -> bool:
    """Keep a piece under its hash; False if it was here already."""
    digest = sha256(content).digest()
    if not missing(tx, tables, [digest]):
        return False
    tx.execute(insert(tables.library_pieces).values(digest=digest.hex(), content=content, kept_at=now))
    return True


def read(tx: Connection, tables: LibraryTables, digest: bytes) -> bytes | None:
    """A piece, None if it is not held."""
    t = tables.library_pieces.c
    content = tx.execute(select(t.content).where(t.digest == digest.hex())).scalar()
    return None if content is None else bytes(content)


def with_files(tx: Connection, tables: LibraryTables) -> Iterator[Entry]:
    """Entries that have files."""
    e, c = tables.library_entries, tables.library_contents
    query = select(c.c.content).join(e, e.c.row_id == c.c.row_id).where(e.c.attached > 0).order_by(e.c.entry_id)
    rows: Sequence[bytes] = tx.execute(query).scalars().all()
    return (decoded(bytes(content)) for content in rows)
