"""Which entries of a replica are listed: by what they are, whose they are, and by the days of their force, application and review."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Final

from sqlalchemy import ColumnElement, func, or_

from ...core.library.model import EntryKind
from .library_tables import LibraryTables


@dataclass(frozen=True, slots=True)
class Narrow:
    """Only entries that are so; what is empty is not asked.

    Args:
        kind, region, owner_unit, document: of this kind, region, owner, document.
        topic: under this classification code.
        as_at: in force on this day.
        applies_at: that apply to a matter of this day.
        due_by: that their owner has to look at by this day.
        shown: that are not withheld.
    """

    kind: EntryKind | None = None
    topic: str = ""
    region: str = ""
    owner_unit: str = ""
    document: str = ""
    as_at: date | None = None
    applies_at: date | None = None
    due_by: date | None = None
    shown: bool = False


EVERYTHING: Final = Narrow()


def conditions(tables: LibraryTables, narrow: Narrow) -> Iterator[ColumnElement[bool]]:
    """The conditions on `library_entries` that `narrow` comes to."""
    t = tables.library_entries.c
    kind = narrow.kind.value if narrow.kind else ""
    for column, value in ((t.kind, kind), (t.region, narrow.region), (t.owner_unit, narrow.owner_unit), (t.document, narrow.document)):
        if value:
            yield column == value
    if narrow.topic:
        yield t.topics.like(f"% {narrow.topic}%")
    if narrow.as_at:
        yield _within(narrow.as_at, t.valid_from, t.valid_to)
    if narrow.applies_at:
        yield _within(narrow.applies_at, func.coalesce(t.applies_from, t.valid_from), func.coalesce(t.applies_to, t.valid_to))
    if narrow.shown:
        yield t.withheld.is_(None)
    if narrow.due_by:
        yield t.review_due <= narrow.due_by


def _within(day: date, first: ColumnElement[date], end: ColumnElement[date]) -> ColumnElement[bool]:
    """As `rules.in_force` has it: an unknown end is open."""
    return or_(first.is_(None), first <= day) & or_(end.is_(None), end > day)
