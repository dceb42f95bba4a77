"""Which text answers for a day: of the texts of one document, the one in force then; and what is said where there is none any more."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from sqlalchemy import Connection, select

from ..core.decision import Refused, refuse
from ..core.library import codes
from ..core.library.model import TombstoneReason
from ..core.library.rules import in_force
from ..core.worktime.model import CHINA
from .sql.library import Held
from .sql.library_tables import LibraryTables


def chosen(name: str, texts: Sequence[Held], day: date | None) -> Held:
    """The text that was asked for.

    Args:
        name: id of an entry, or of the document.
        texts: all texts that go by it.
        day: on which the text must be in force; None for the one that `name` itself names, or the document's latest.

    Raises:
        Refused: LIBRARY_ENTRY_NOT_FOUND, LIBRARY_NOTHING_IN_FORCE.
    """
    if not texts:
        raise Refused(refuse(codes.ENTRY_NOT_FOUND, id=name[:64]))
    latest_first = sorted(texts, key=lambda held: (held.entry.valid_from or date.min, held.entry_id), reverse=True)
    if day is None:
        return next((held for held in texts if held.entry_id == name), latest_first[0])
    for held in latest_first:
        if in_force(held.entry, day):
            return held
    raise Refused(refuse(codes.NOTHING_IN_FORCE, id=name[:64], date=day))


def missing(tx: Connection, tables: LibraryTables, entry_id: str) -> Refused:
    """What is said of an entry that is not held: when and why it was removed and what to read instead, as long as that is known here."""
    t = tables.library_tombstones
    stone = tx.execute(select(t.c.reason, t.c.successor, t.c.removed_at).where(t.c.entry_id == entry_id)).first()
    code = codes.ENTRY_REMOVED.get(TombstoneReason(stone.reason)) if stone else None
    if stone is None or code is None:
        return Refused(refuse(codes.ENTRY_NOT_FOUND, id=entry_id[:64]))
    return Refused(refuse(code, id=entry_id[:64], day=stone.removed_at.astimezone(CHINA).date(), successor=stone.successor or "–"))
