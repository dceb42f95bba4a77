"""Which text answers for a day: of the texts of one document, the one in force then."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from ..core.decision import Refused, refuse
from ..core.library import codes
from ..core.library.rules import in_force
from .sql.library import Held


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
