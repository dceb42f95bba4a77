"""Keeping a replica: entries, their contents, the search index and the release, always in one transaction.

Works on the caller's connection; what belongs together is written together or not at all. A replica without a release shows nothing,
so a first copy may be written in several transactions and becomes visible with its release.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from typing import Any, Final

from sqlalchemy import Connection, Row, Select, Table, delete, insert, select, text, update

from ...core.decision import Refused
from ...core.library.merkle import digest_of
from ...core.library.model import Change, Entry, Leaf
from ...core.library.search import index_text, searched_text
from ...wire.library import entry_from_content
from . import library_links as links
from . import library_waiting as waiting
from .library_derived import derived
from .library_marks import take_rows
from .library_narrowing import EVERYTHING, Narrow, conditions
from .library_tables import LibraryTables
from .prepared import insert_rows
from .savepoints import execute, open_savepoints

CHUNK: Final = 200
SEAL_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class Ready:
    """A change made ready to be written, before the transaction begins that others wait for.

    Args:
        change: as it came; not a removal.
        entry: its content, decoded.
        grams: what it is found by, as the index reads it; None: it waits for the index, and is found by its text meanwhile.
        digest: SHA-256 of its content.
    """

    change: Change
    entry: Entry
    grams: str | None
    digest: bytes


Numbered = tuple[int, Ready]  # with the number of its row


@dataclass(frozen=True, slots=True)
class Held:
    """An entry as a replica holds it; `content` is its exact bytes. What is `withheld` is shown to nobody."""

    entry_id: str
    version: int
    release: int
    content: bytes
    recorded_at: datetime | None = None
    withheld: bool = False

    @property
    def entry(self) -> Entry:
        """The entry decoded; what was admitted can always be read."""
        return decoded(self.content)


@dataclass(frozen=True, slots=True)
class HeldRelease:
    """The release that a replica holds: as it was signed, when it was applied, and the sequence since which every removal is known."""

    document: bytes
    applied_at: datetime
    horizon: int = 0


def decoded(content: bytes) -> Entry:
    """The entry in `content`.

    Raises:
        Refused: LIBRARY_CONTENT_UNREADABLE.
    """
    entry = entry_from_content(content)
    if not isinstance(entry, Entry):
        raise Refused(entry)
    return entry


def ready(change: Change, *, indexed: bool = True) -> Ready:
    """A change that brings a text, made ready; `indexed`: to go into the index at once.

    Raises:
        Refused: LIBRARY_CONTENT_UNREADABLE.
    """
    entry = decoded(change.content)
    return Ready(change, entry, index_text(searched_text(entry)) if indexed else None, digest_of(change.content))


def ready_of(changes: Iterable[Change], *, indexed: bool = True) -> list[Ready]:
    """Those of `changes` that bring a text, made ready; as `ready`."""
    return [ready(change, indexed=indexed) for change in changes if change.tombstone is None]


def leaves(tx: Connection, tables: LibraryTables) -> dict[str, Leaf]:
    """The leaf of every entry held, by id."""
    t = tables.library_entries.c
    return {row.entry_id: Leaf(row.entry_id, row.version, bytes(row.digest)) for row in tx.execute(select(t.entry_id, t.version, t.digest))}


def apply(tx: Connection, tables: LibraryTables, changes: Iterable[Change]) -> int:
    """Write `changes` with the index, in chunks of a few statements each; returns how many."""
    count = 0
    for chunk in _chunks(changes):
        apply_ready(tx, tables, [change.entry_id for change in chunk], ready_of(chunk))
        count += len(chunk)
    return count


def apply_ready(tx: Connection, tables: LibraryTables, entry_ids: Sequence[str], coming: Sequence[Ready]) -> None:
    """Take out what is held of `entry_ids`, then put in what comes; at most `CHUNK` of each."""
    _forget(tx, tables, entry_ids)
    if coming:
        first = take_rows(tx, tables, len(coming))
        numbered = list(enumerate(coming, first))
        put_entries(tx, tables, numbered)
        put_contents(tx, tables, numbered)


def keep_release(tx: Connection, tables: LibraryTables, epoch: int, number: int, held: HeldRelease) -> None:
    """Make this release the one that the replica holds; the same number again only for another part of the library."""
    t = tables.library_releases
    tx.execute(delete(t).where(t.c.epoch == epoch, t.c.number == number))
    values = {"document": held.document, "applied_at": held.applied_at, "horizon": held.horizon}
    tx.execute(insert(t).values(epoch=epoch, number=number, **values))


def renew_release(tx: Connection, tables: LibraryTables, epoch: int, number: int, document: bytes) -> None:
    """Put the checkpoint of a release that was signed anew in the place of the one held."""
    t = tables.library_releases
    tx.execute(update(t).where(t.c.epoch == epoch, t.c.number == number).values(document=document))


def held_number(tx: Connection, tables: LibraryTables) -> int:
    """The number of the release held; 0 for an empty replica."""
    releases = tables.library_releases
    return tx.scalar(select(releases.c.number).order_by(releases.c.epoch.desc(), releases.c.number.desc()).limit(1)) or 0


def last_release(tx: Connection, tables: LibraryTables) -> HeldRelease | None:
    """The release held, None for an empty replica."""
    t = tables.library_releases
    newest = select(t.c.document, t.c.applied_at, t.c.horizon).order_by(t.c.epoch.desc(), t.c.number.desc()).limit(1)
    row = tx.execute(newest).one_or_none()
    return HeldRelease(bytes(row.document), row.applied_at, row.horizon) if row else None


def get(tx: Connection, tables: LibraryTables, entry_id: str) -> Held | None:
    """One entry, None if it is not held."""
    row = tx.execute(_held(tables).where(tables.library_entries.c.entry_id == entry_id)).one_or_none()
    return _as_held(row) if row else None


def page(tx: Connection, tables: LibraryTables, after: str, size: int, narrow: Narrow = EVERYTHING) -> list[Held]:
    """Entries in order of id after `after`, at most `size`, narrowed as asked."""
    t = tables.library_entries.c
    query = _held(tables).where(t.entry_id > after, *conditions(tables, narrow)).order_by(t.entry_id).limit(size)
    return [_as_held(row) for row in tx.execute(query)]


def _held(tables: LibraryTables) -> Select[Any]:
    e, c = tables.library_entries, tables.library_contents
    columns = e.c.entry_id, e.c.version, e.c.release, e.c.recorded_at, e.c.withheld, c.c.content
    return select(*columns).join(c, c.c.row_id == e.c.row_id)


def reindex(tx: Connection, tables: LibraryTables) -> int:
    """Fill the search index, which must be empty, from the entries held; returns how many. For databases made from a backup."""
    contents = tables.library_contents
    tx.execute(delete(tables.library_waiting))
    count, rows = 0, tx.execute(select(contents.c.row_id, contents.c.content).order_by(contents.c.row_id)).all()
    for start in range(0, len(rows), CHUNK):
        chunk = rows[start : start + CHUNK]
        _index(tx, [(row.row_id, index_text(searched_text(decoded(bytes(row.content))))) for row in chunk])
        count += len(chunk)
    return count


def index_waiting(tx: Connection, tables: LibraryTables, most: int) -> int:
    """Take some of the contents that wait for it into the index; how many there were. One that cannot be read is found by nothing."""
    rows = waiting.next_rows(tx, tables, most)
    entries = [(row_id, entry_from_content(content)) for row_id, content in rows]
    _index(tx, [(row_id, index_text(searched_text(entry))) for row_id, entry in entries if isinstance(entry, Entry)])
    waiting.settle(tx, tables, [row_id for row_id, _ in rows])
    return len(rows)


def _as_held(row: Row[Any]) -> Held:
    return Held(row.entry_id, row.version, row.release, bytes(row.content), row.recorded_at, bool(row.withheld))


def _chunks(changes: Iterable[Change]) -> Iterator[list[Change]]:
    chunk: list[Change] = []
    for change in changes:
        chunk.append(change)
        if len(chunk) == CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def put_contents(tx: Connection, tables: LibraryTables, numbered: Sequence[Numbered]) -> None:
    """Write contents and index under row numbers that are free; nobody sees them before an entry points to them."""
    if numbered:
        insert_rows(tx, tables.library_contents, [{"row_id": row_id, "content": one.change.content} for row_id, one in numbered])
        _index(tx, [(row_id, one.grams) for row_id, one in numbered if one.grams is not None])
        waiting.put(tx, tables, [(row_id, len(one.change.content)) for row_id, one in numbered if one.grams is None])


def put_entries(tx: Connection, tables: LibraryTables, numbered: Sequence[Numbered]) -> None:
    """Let entries that are not held yet point to their contents."""
    if numbered:
        insert_rows(tx, tables.library_entries, [row_of(row_id, one) for row_id, one in numbered])
        links.put(tx, tables, [(row_id, one.entry) for row_id, one in numbered])


def take_out(tx: Connection, tables: LibraryTables, entry_ids: Sequence[str]) -> list[int]:
    """Take entries out of what is seen; the row numbers of their contents, which are there still."""
    e = tables.library_entries
    rows = list(tx.execute(select(e.c.row_id).where(e.c.entry_id.in_(entry_ids))).scalars())
    if rows:
        take_rows(tx, tables, 0)
    for table in (tables.library_links, e):
        _delete_rows(tx, table, rows)
    return rows


def forget_rows(tx: Connection, tables: LibraryTables, rows: Sequence[tuple[int, bytes]]) -> None:
    """Remove contents and their index; FTS5 without content must be told what it indexed."""
    if not rows:
        return
    waited = set(waiting.settle(tx, tables, [row_id for row_id, _ in rows]))
    indexed = [(row_id, content) for row_id, content in rows if row_id not in waited]
    if tx.dialect.name == "sqlite" and indexed:
        remove = text("INSERT INTO library_index(library_index, rowid, grams) VALUES ('delete', :row_id, :grams)")
        tx.execute(remove, [{"row_id": row_id, "grams": " ".join(grams_of(decoded(content)))} for row_id, content in indexed])
    elif indexed:
        tx.execute(text("DELETE FROM library_index WHERE row_id = :row_id"), [{"row_id": row_id} for row_id, _ in indexed])
    _delete_rows(tx, tables.library_contents, [row_id for row_id, _ in rows])


def row_of(row_id: int, one: Ready) -> dict[str, object]:
    """The row of an entry: what its change says, and what is read from its content."""
    change = one.change
    return {
        "row_id": row_id,
        "entry_id": change.entry_id,
        "version": change.version,
        "release": change.release,
        "sequence": change.sequence,
        "digest": one.digest,
        "recorded_at": change.recorded_at,
        "seal": seal_of(change),
        **derived(one.entry),
    }


def seal_of(change: Change) -> bytes:
    """The seal over what a row says beside its content: no signature covers it, and a flipped byte in it must be found all the same."""
    at = change.recorded_at.astimezone(UTC).isoformat() if change.recorded_at else ""
    said = f"{change.entry_id}\n{change.version}\n{change.release}\n{change.sequence}\n{at}"
    return digest_of(said.encode())[:SEAL_BYTES]


def grams_of(entry: Entry) -> set[str]:
    """What an entry is found by."""
    return set(index_text(searched_text(entry)).split(" "))


def _forget(tx: Connection, tables: LibraryTables, entry_ids: Sequence[str]) -> None:
    """Take entries out of all tables and the index."""
    e, c = tables.library_entries, tables.library_contents
    rows = tx.execute(select(e.c.row_id, c.c.content).join(c, c.c.row_id == e.c.row_id).where(e.c.entry_id.in_(entry_ids))).all()
    take_out(tx, tables, entry_ids)
    forget_rows(tx, tables, [(row.row_id, bytes(row.content)) for row in rows])


def _delete_rows(tx: Connection, table: Table, row_ids: Sequence[int]) -> None:
    tx.execute(delete(table).where(table.c.row_id.in_(row_ids)))


def _index(tx: Connection, rows: Sequence[tuple[int, str]]) -> None:
    """Put rows into the index."""
    if not rows:
        return
    if tx.dialect.name == "postgresql":
        put = text("INSERT INTO library_index(row_id, grams) VALUES (:row_id, array_to_tsvector(string_to_array(:grams, ' ')))")
        tx.execute(put, [{"row_id": row_id, "grams": grams} for row_id, grams in rows])
        return
    open_savepoints(tx)
    for start in range(0, len(rows), CHUNK):  # one statement lets go of the interpreter for all of its time, and takes it back once
        chunk = rows[start : start + CHUNK]
        put_all = f"INSERT INTO library_index(rowid, grams) VALUES {', '.join(['(?, ?)'] * len(chunk))}"  # noqa: S608 - only marks
        execute(tx, put_all, tuple(chain.from_iterable(chunk)))
