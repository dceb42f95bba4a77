"""How alike two texts are, and the two side by side: so that a reviewer sees what the library says already.

Alike is measured by the pairs of neighbouring characters that both have (Jaccard): word order and wording count, punctuation does not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from .sheets import Paragraphs, matching_spans

ALIKE_MIN: Final = 0.3  # below it two texts merely speak of the same matter
ALIKE_MOST: Final = 5
PROBES: Final = 32  # grams asked of the index; of a text alike by a third, one of 32 is missed altogether with odds below 1 in 100,000
SIDES_MOST: Final = 400


@dataclass(frozen=True, slots=True)
class Alike:
    """An entry that is like a proposed text, by how much (0 to 1)."""

    entry_id: str
    share: float


@dataclass(frozen=True, slots=True)
class Row:
    """Two paragraphs beside each other; None where one side has none there. `same` if both say it."""

    left: str | None
    right: str | None
    same: bool


def share(one: Iterable[str], other: Iterable[str]) -> float:
    """The part of all grams that both have, 0 to 1."""
    left, right = set(one), set(other)
    return len(left & right) / len(left | right) if left or right else 0.0


def probes(grams: Sequence[str], counts: Mapping[str, int]) -> list[str]:
    """The grams by which to look for texts like one: its rarest that some entry has, at most `PROBES`.

    Args:
        grams: of the text.
        counts: how many entries have each.
    """
    known = [gram for gram in grams if len(gram) > 1 and counts.get(gram)]
    return sorted(known, key=lambda gram: (counts[gram], gram))[:PROBES]


def nearest(grams: Sequence[str], others: Mapping[str, Iterable[str]]) -> list[Alike]:
    """Of `others` (grams by id), those that are most like, at most `ALIKE_MOST`, most alike first."""
    measured = [Alike(entry_id, share(grams, each)) for entry_id, each in others.items()]
    found = [each for each in measured if each.share >= ALIKE_MIN]
    return sorted(found, key=lambda each: (-each.share, each.entry_id))[:ALIKE_MOST]


def side_by_side(left: Paragraphs, right: Paragraphs) -> list[Row]:
    """Two texts beside each other, paragraph by paragraph."""
    rows: list[Row] = []
    i = k = 0
    for start, place, length in matching_spans(left, right):
        rows += beside(left[i:start], right[k:place])
        rows += [Row(line, line, True) for line in left[start : start + length]]
        i, k = start + length, place + length
    return rows[:SIDES_MOST]


def beside(left: Paragraphs, right: Paragraphs) -> list[Row]:
    """Two stretches beside each other, the shorter filled up with nothing."""
    width = max(len(left), len(right))
    pairs = zip((*left, *[None] * (width - len(left))), (*right, *[None] * (width - len(right))), strict=True)
    return [Row(one, other, False) for one, other in pairs]
