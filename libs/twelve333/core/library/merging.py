"""The three-way merge of an entry: what only one side changed is taken, what both changed differently is a clash for a person.

Nothing is ever decided by who came last. Changes of paragraphs that touch each other count as a clash too: a sentence that was put behind
another may rest on the words before it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from .sheets import Paragraphs, Sheet, matching_spans


class Side(Enum):
    """Whose words count where both sides changed the same place."""

    MINE = "mine"  # what is proposed, or hung on
    THEIRS = "theirs"  # what the library says now


@dataclass(frozen=True, slots=True)
class FieldClash:
    """A field that both sides changed, each to something else; empty bytes where a side took it out."""

    name: str
    base: bytes
    theirs: bytes
    mine: bytes


@dataclass(frozen=True, slots=True)
class ParagraphClash:
    """Paragraphs that both sides changed; `at` is their place in the base, from 0."""

    at: int
    base: Paragraphs
    theirs: Paragraphs
    mine: Paragraphs


Clash = FieldClash | ParagraphClash


@dataclass(frozen=True, slots=True)
class Merge:
    """A merge as far as it goes by itself: fields and stretches of text, with a clash wherever a person has to decide."""

    fields: tuple[tuple[str, bytes] | FieldClash, ...]
    stretches: tuple[Paragraphs | ParagraphClash, ...]

    @property
    def clashes(self) -> tuple[Clash, ...]:
        """What a person has to decide; empty if the merge is clean."""
        return tuple(part for part in (*self.fields, *self.stretches) if isinstance(part, FieldClash | ParagraphClash))

    @property
    def clean(self) -> Sheet | None:
        """The merged sheet; None while anything clashes."""
        return None if self.clashes else self.taking(Side.MINE)

    def taking(self, side: Side) -> Sheet:
        """The merged sheet with one side's words wherever both clash."""
        mine = side is Side.MINE
        said = [(each.name, each.mine if mine else each.theirs) if isinstance(each, FieldClash) else each for each in self.fields]
        texts = [(each.mine if mine else each.theirs) if isinstance(each, ParagraphClash) else each for each in self.stretches]
        return Sheet({name: value for name, value in said if value}, tuple(line for text in texts for line in text))


def merge(base: Sheet, theirs: Sheet, mine: Sheet) -> Merge:
    """Merge what became of `base` on two sides.

    Args:
        base: what both started from.
        theirs: what the library says now.
        mine: what is proposed.
    """
    names = sorted(base.fields.keys() | theirs.fields.keys() | mine.fields.keys())
    fields = [_field(name, *(sheet.fields.get(name, b"") for sheet in (base, theirs, mine))) for name in names]
    return Merge(tuple(fields), tuple(_stretches(base.paragraphs, theirs.paragraphs, mine.paragraphs)))


def _field(name: str, base: bytes, theirs: bytes, mine: bytes) -> tuple[str, bytes] | FieldClash:
    if mine in (base, theirs):
        return name, theirs
    return (name, mine) if theirs == base else FieldClash(name, base, theirs, mine)


def _stretches(base: Paragraphs, theirs: Paragraphs, mine: Paragraphs) -> Iterator[Paragraphs | ParagraphClash]:
    """The text from stretch to stretch: what all three have, and between those what one or both have changed."""
    i = j = k = 0
    for start, there, here, length in _kept_by_both(base, theirs, mine):
        was, of_them, of_us = base[i:start], theirs[j:there], mine[k:here]
        if of_us in (was, of_them):
            yield of_them
        elif of_them == was:
            yield of_us
        else:
            yield ParagraphClash(i, was, of_them, of_us)
        yield base[start : start + length]
        i, j, k = start + length, there + length, here + length


def _kept_by_both(base: Paragraphs, theirs: Paragraphs, mine: Paragraphs) -> Iterator[tuple[int, int, int, int]]:
    """Runs of the base that both sides kept: start in each, and length; the last is the three ends, with length 0."""
    left, right = list(matching_spans(base, theirs))[:-1], list(matching_spans(base, mine))[:-1]
    i = j = 0
    while i < len(left) and j < len(right):
        (a, there, n), (b, here, m) = left[i], right[j]
        start, end = max(a, b), min(a + n, b + m)
        if start < end:
            yield start, there + start - a, here + start - b, end - start
        if a + n <= b + m:
            i += 1
        else:
            j += 1
    yield len(base), len(theirs), len(mine), 0
