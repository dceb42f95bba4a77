"""How an entry is cited to a caller or in a letter, and what must be said with it: not in force yet, no longer, amended since."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from enum import Enum

from .model import Entry, EntryKind, KnownLink, LinkKind


class Caution(Enum):
    """What a consultant must not overlook."""

    NOT_YET = "not_yet"  # comes into force on `day`
    ENDED = "ended"  # no longer in force since `day`
    REPEALED = "repealed"  # by another entry
    REPLACED = "replaced"  # by another entry
    AMENDED = "amended"  # by another entry, and this text does not show it


@dataclass(frozen=True, slots=True)
class Note:
    """A caution about an entry: the day, None if not known, and id and title of the entry that brings it about, if one does."""

    caution: Caution
    day: date | None = None
    entry_id: str = ""
    title: str = ""


_BY_LINK = {LinkKind.REPEALS: Caution.REPEALED, LinkKind.REPLACES: Caution.REPLACED, LinkKind.AMENDS: Caution.AMENDED}


def notes(entry: Entry, known: Iterable[KnownLink], day: date) -> tuple[Note, ...]:
    """What must be said with `entry` on `day`.

    Args:
        entry: as held.
        known: what other entries do to it.
        day: on which it is asked about.
    """
    found: list[Note] = []
    if entry.valid_from is not None and day < entry.valid_from:
        found.append(Note(Caution.NOT_YET, entry.valid_from))
    if entry.valid_to is not None and entry.valid_to <= day:
        found.append(Note(Caution.ENDED, entry.valid_to))
    for link in known:
        caution = _BY_LINK.get(link.kind)
        unseen = caution is not Caution.AMENDED or not link.applied  # an amendment that is written into the text needs no word
        if caution is not None and unseen:
            found.append(Note(caution, link.since, link.entry_id, link.title))
    return tuple(found)


def citation(entry: Entry, article: str = "") -> str:
    """The line to copy: title, document number, article, in force from; of a Q&A or guide also what it rests on."""
    if entry.kind is EntryKind.POLICY:
        numbered = f"（{entry.document_number}）" if entry.document_number else ""
        issued = entry.issuing_body if entry.issuing_body and not entry.document_number else ""
        return f"{issued}《{entry.title}》{numbered}{article}{_since(entry)}"
    rests = "、".join(source if source.startswith("《") else f"《{source}》" for source in entry.sources)
    return f"12333资源库“{entry.title}”（{entry.id}）{article}{_since(entry)}{f'，依据{rests}' if rests else ''}"


def _since(entry: Entry) -> str:
    if entry.valid_from is None:
        return ""
    until = f"，{_day(entry.valid_to)}起失效" if entry.valid_to else ""
    return f"，{_day(entry.valid_from)}起施行{until}"


def _day(day: date) -> str:
    return f"{day.year}年{day.month}月{day.day}日"
