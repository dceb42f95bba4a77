"""Every text that was ever published: the change log read backwards, for one entry or as the library stood at a moment."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, func, select, tuple_

from twelve333.adapters.sql.library import decoded
from twelve333.core.library.model import Change
from twelve333.core.library.pieces import digests_of

from .library import changes_table, from_log, tables

VERSIONS_MAX = 500


def versions(tx: Connection, entry_id: str) -> list[Change]:
    """The texts and removals of one entry, newest first, at most `VERSIONS_MAX`."""
    c = changes_table.c
    query = select(changes_table).where(c.entry_id == entry_id).order_by(c.release.desc(), c.sequence.desc()).limit(VERSIONS_MAX)
    return [from_log(row) for row in tx.execute(query)]


def files_after(tx: Connection, after: tuple[int, int], size: int) -> tuple[frozenset[bytes], tuple[int, int] | None]:
    """The pieces that the next `size` texts of the log name.

    Args:
        after: release and sequence of the last text looked at; (0, 0) to begin.

    Returns:
        The digests, and the text to go on after; None at the end.
    """
    c = changes_table.c
    query = (
        select(c.release, c.sequence, c.content).where(tuple_(c.release, c.sequence) > after).order_by(c.release, c.sequence).limit(size)
    )
    rows = tx.execute(query).all()
    named = frozenset(digest for row in rows if row.content is not None for digest in digests_of(decoded(bytes(row.content))))
    return named, (rows[-1].release, rows[-1].sequence) if rows else None


def release_at(tx: Connection, moment: datetime) -> int:
    """Number of the release that was the present one at `moment`; 0 before the first."""
    r = tables.library_releases.c
    return tx.execute(select(func.max(r.number)).where(r.applied_at <= moment)).scalar() or 0


def texts_of(tx: Connection, name: str, until: int) -> list[Change]:
    """What the library said at release `until` under the id `name`, and in the texts of the document `name` or of which `name` is one."""
    e, c = tables.library_entries.c, changes_table.c
    own = c.content.is_not(None), c.entry_id == name, c.release <= until
    content = tx.execute(select(c.content).where(*own).order_by(c.release.desc()).limit(1)).scalar()
    document = (decoded(bytes(content)).document if content else "") or name
    once = select(c.entry_id).where(c.document == document)
    ids = {name, *tx.execute(select(e.entry_id).where(e.document == document).union(once)).scalars()}
    last = (
        select(c.entry_id, func.max(c.release).label("release")).where(c.entry_id.in_(sorted(ids)), c.release <= until).group_by(c.entry_id)
    ).subquery()
    query = select(changes_table).join(last, (last.c.entry_id == c.entry_id) & (last.c.release == c.release)).order_by(c.entry_id)
    return [change for change in map(from_log, tx.execute(query)) if change.tombstone is None]
