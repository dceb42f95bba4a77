"""Bringing the codes of an old tree under the ministry's: by what became of a code, by maps that people made, or by asking them.

An entry whose code nobody knows is not dropped: it waits, whole, until somebody says which code is meant.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .topics import Classification


@dataclass(frozen=True, slots=True)
class Mapped:
    """The codes of an entry after mapping, and those that nobody knows."""

    topics: tuple[str, ...]
    unknown: tuple[str, ...]


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
