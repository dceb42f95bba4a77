"""An entry as it is compared: its fields by name, and its text by paragraphs; and the difference between two of them.

A field is opaque bytes, so that one which this program does not know is compared, carried and put back like any other. A paragraph is
a line: Chinese texts of law have one line a paragraph, and joining the lines gives back the text exactly.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from typing import Final

from ..decision import Refusal, refuse
from . import proposal_codes as codes

Paragraphs = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Sheet:
    """What an entry says.

    Args:
        fields: every field but the text, by name; what is not said is absent.
        paragraphs: the text.
    """

    fields: Mapping[str, bytes] = field(default_factory=dict)
    paragraphs: Paragraphs = ()


EMPTY: Final = Sheet()


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field, before and after; empty bytes for a field that is not said."""

    name: str
    before: bytes
    after: bytes


@dataclass(frozen=True, slots=True)
class ParagraphChange:
    """Paragraphs of the base from `at` on (from 0) that are taken out, and those that are put in their place."""

    at: int
    removed: Paragraphs
    added: Paragraphs


@dataclass(frozen=True, slots=True)
class Difference:
    """What has to be done to one sheet to get another: fields by name, paragraphs in order of their place."""

    fields: tuple[FieldChange, ...] = ()
    paragraphs: tuple[ParagraphChange, ...] = ()


UNCHANGED: Final = Difference()


def paragraphs_of(text: str) -> Paragraphs:
    """The paragraphs of a text; `text_of` is the way back."""
    return tuple(text.split("\n")) if text else ()


def text_of(paragraphs: Paragraphs) -> str:
    """The text of paragraphs."""
    return "\n".join(paragraphs)


def difference(base: Sheet, other: Sheet) -> Difference:
    """What changes from `base` to `other`."""
    names = sorted(base.fields.keys() | other.fields.keys())
    pairs = [(name, base.fields.get(name, b""), other.fields.get(name, b"")) for name in names]
    changes = [
        ParagraphChange(i, base.paragraphs[i:j], other.paragraphs[k:m]) for i, j, k, m in changed_spans(base.paragraphs, other.paragraphs)
    ]
    return Difference(tuple(FieldChange(*pair) for pair in pairs if pair[1] != pair[2]), tuple(changes))


def patched(base: Sheet, changes: Difference) -> Sheet | Refusal:
    """`base` with the changes made; refuses changes that were not made on this base."""
    fields = dict(base.fields)
    for change in changes.fields:
        if fields.pop(change.name, b"") != change.before:
            return refuse(codes.BASE_DIFFERS, place=change.name)
        if change.after:
            fields[change.name] = change.after
    kept: list[str] = []
    done = 0
    for hunk in changes.paragraphs:
        end = hunk.at + len(hunk.removed)
        if hunk.at < done or base.paragraphs[hunk.at : end] != hunk.removed:
            return refuse(codes.BASE_DIFFERS, place="body")
        kept += [*base.paragraphs[done : hunk.at], *hunk.added]
        done = end
    return Sheet(fields, (*kept, *base.paragraphs[done:]))


def matching_spans(base: Paragraphs, other: Paragraphs) -> Iterator[tuple[int, int, int]]:
    """Runs that both have in order: start in `base`, start in `other`, length; the last is the two ends, with length 0.

    What both begin and end with is found first: most changes are small, and the search between grows with the square.
    """
    head = _common(base, other)
    room = min(len(base), len(other)) - head
    tail = min(room, _common(base[head:][::-1], other[head:][::-1]))
    if head:
        yield 0, 0, head
    middle = SequenceMatcher(None, base[head : len(base) - tail], other[head : len(other) - tail])
    for block in middle.get_matching_blocks()[:-1]:
        yield head + block.a, head + block.b, block.size
    if tail:
        yield len(base) - tail, len(other) - tail, tail
    yield len(base), len(other), 0


def changed_spans(base: Paragraphs, other: Paragraphs) -> Iterator[tuple[int, int, int, int]]:
    """Where they differ: from and to in `base`, from and to in `other`."""
    i = k = 0
    for start, place, length in matching_spans(base, other):
        if (i, k) != (start, place):
            yield i, start, k, place
        i, k = start + length, place + length


def _common(one: Sequence[str], other: Sequence[str]) -> int:
    """How many paragraphs both begin with."""
    return next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
