"""Pieces of files in the database, each once by its hash, so that a backup holds them and a copy that broke off goes on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from hashlib import sha256

from sqlalchemy import Connection, delete, insert, select, update

from ...core.library.model import Entry
from ...core.library.pieces import digests_of
from .library import decoded
from .library_tables import LibraryTables

CHUNK = 200
FORGOTTEN_AT_ONCE = 32  # of 1 MiB each, which are overwritten: other writers wait meanwhile


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
    """Keep a piece under its hash; False if it was here already, and is as good as new."""
    digest, t = sha256(content).digest(), tables.library_pieces
    if not missing(tx, tables, [digest]):
        tx.execute(update(t).where(t.c.digest == digest.hex()).values(unused_since=None))
        return False
    tx.execute(insert(t).values(digest=digest.hex(), content=content, kept_at=now))
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


def unnamed(tx: Connection, tables: LibraryTables) -> frozenset[bytes]:
    """The pieces that no entry in use names."""
    held = frozenset(bytes.fromhex(name) for name in tx.execute(select(tables.library_pieces.c.digest)).scalars())
    return held - _named(tx, tables) if held else held


def mark_unused(tx: Connection, tables: LibraryTables, unused: frozenset[bytes], now: datetime) -> None:
    """Note since when pieces are unused, and that the others are not."""
    t = tables.library_pieces
    marked = frozenset(bytes.fromhex(name) for name in tx.execute(select(t.c.digest).where(t.c.unused_since.is_not(None))).scalars())
    for digests, since in ((unused - marked, now), (marked - unused, None)):
        names = sorted(digest.hex() for digest in digests)
        for start in range(0, len(names), CHUNK):
            tx.execute(update(t).where(t.c.digest.in_(names[start : start + CHUNK])).values(unused_since=since))


def forget_unused(tx: Connection, tables: LibraryTables, before: datetime) -> int:
    """Remove some pieces that have been unused since before that moment and that no entry names now; returns how many."""
    t, named = tables.library_pieces, _named(tx, tables)
    due = tx.execute(select(t.c.digest).where(t.c.unused_since < before)).scalars()
    names = [name for name in due if bytes.fromhex(name) not in named][:FORGOTTEN_AT_ONCE]
    if names:
        tx.execute(delete(t).where(t.c.digest.in_(names)))
    return len(names)


def _named(tx: Connection, tables: LibraryTables) -> frozenset[bytes]:
    return frozenset(digest for entry in with_files(tx, tables) for digest in digests_of(entry))
