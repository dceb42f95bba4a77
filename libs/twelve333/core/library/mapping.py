"""Bringing the codes of an old tree under the ministry's: by what became of a code, by maps that people made, or by asking them.

An entry whose code nobody knows is not dropped: it waits, whole, until somebody says which code is meant.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from ..decision import FieldViolation
from . import codes
from .model import Entry, EntryKind
from .rules import entry_violations
from .topics import Classification, Status, table_violations


@dataclass(frozen=True, slots=True)
class Mapped:
    """The codes of an entry after mapping, and those that nobody knows."""

    topics: tuple[str, ...]
    unknown: tuple[str, ...]


def looked_at(entry: Entry, known: Classification) -> tuple[tuple[str, ...], tuple[FieldViolation, ...]]:
    """The codes of one entry as they are now, and everything that is wrong with the entry; without maps, which only the hub has.

    Args:
        entry: as decoded; a table of codes is looked at as one.
        known: the classification, with the entry in it if that is a table.
    """
    now = mapped(entry.topics, known, {})
    others = entry_violations(replace(entry, topics=now.topics) if now.topics else entry, known.accepted())
    wrong = [*(unplaced(topic, known) for topic in now.unknown), *(one for one in others if one.code is not codes.TOPIC_UNKNOWN)]
    return now.topics, (*wrong, *(table_violations(entry, known) if entry.kind is EntryKind.TOPICS else ()))


def unplaced(topic: str, known: Classification) -> FieldViolation:
    """What is wrong with a code that `mapped` does not know: it was split, and a person has to say into which; or there is none."""
    own = known.codes.get(topic.partition(".")[0])
    if own is not None and own.status is Status.SPLIT:
        return FieldViolation("topics", codes.TOPIC_SPLIT, {"topic": topic[:32], "into": ", ".join(own.becomes)[:200]})
    return FieldViolation("topics", codes.TOPIC_UNKNOWN, {"topic": topic[:32]})


def mapped(topics: tuple[str, ...], known: Classification, maps: Mapping[str, str]) -> Mapped:
    """Map the codes of one entry.

    Args:
        topics: as the entry has them.
        known: the classification.
        maps: codes that people mapped for the entry's province, old to new.
    """
    found: list[str] = []
    unknown: list[str] = []
    for topic in topics:
        code = topic if known.accepts(topic) else known.merged_into(topic) or maps.get(topic)
        if code is not None and not known.accepts(code):
            code = known.merged_into(code)
        if code is None:
            unknown.append(topic)
        else:
            found.append(code)
    return Mapped(tuple(dict.fromkeys(found)), tuple(dict.fromkeys(unknown)))
