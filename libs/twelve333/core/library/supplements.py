"""A province's local supplement to a national entry: shown beside it at that province's desks only, and kept through every update.

It hangs on one paragraph of the entry, or on the whole. While that paragraph stands, wherever it has moved to, the supplement stands; once
it reads differently, a person at the province decides, with both texts before them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from difflib import SequenceMatcher
from typing import Final

from ..decision import Refusal, refuse
from . import proposal_codes as codes
from .sheets import Paragraphs

TEXT_CHARS_MAX: Final = 4000
LIKE_MIN: Final = 0.5  # a paragraph less like the old one is another paragraph


@dataclass(frozen=True, slots=True)
class Supplement:
    """One local supplement.

    Args:
        supplement_id: made by the asker.
        entry_id: what it supplements.
        unit: for whom: the province or one of its units.
        anchor: the paragraph that it hangs on, word for word; empty for the whole entry.
        base_version: the text of the entry that it was last looked at beside.
        text: Markdown.
        by: who wrote it last.
        at: when.
    """

    supplement_id: str
    entry_id: str
    unit: str
    anchor: str
    base_version: int
    text: str
    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Loose:
    """What a supplement hung on reads differently, or is gone: `base` is the old paragraph, `theirs` the one in its place (empty: none)."""

    supplement: Supplement
    base: str
    theirs: str


def anchor_in(paragraphs: Paragraphs, words: str) -> str | Refusal:
    """The one paragraph that holds `words`; the whole entry, if no words are given.

    Refusals: LIBRARY_SUPPLEMENT_ANCHOR_UNCLEAR, if none or several hold them.
    """
    if not words:
        return ""
    found = [line for line in paragraphs if words in line]
    return found[0] if len(found) == 1 else refuse(codes.SUPPLEMENT_ANCHOR_UNCLEAR, count=len(found))


def check_text(text: str) -> Refusal | None:
    """Refuse an empty text and one that is too long."""
    return None if 1 <= len(text.strip()) <= TEXT_CHARS_MAX else refuse(codes.SUPPLEMENT_TEXT_LENGTH, limit=TEXT_CHARS_MAX)


def loose(supplement: Supplement, paragraphs: Paragraphs | None) -> Loose | None:
    """Why a person has to look at a supplement again; None while it stands.

    Args:
        paragraphs: what the entry says now, None if it is gone.
    """
    if paragraphs is None:
        return Loose(supplement, supplement.anchor, "")
    if not supplement.anchor or supplement.anchor in paragraphs:
        return None
    return Loose(supplement, supplement.anchor, _most_like(supplement.anchor, paragraphs))


def _most_like(line: str, paragraphs: Paragraphs) -> str:
    """The paragraph that reads most like a line; empty if none does."""
    matcher = SequenceMatcher(None, b=line, autojunk=False)
    best, found = LIKE_MIN, ""
    for each in paragraphs:
        matcher.set_seq1(each)
        if matcher.real_quick_ratio() > best and matcher.quick_ratio() > best and (ratio := matcher.ratio()) > best:
            best, found = ratio, each
    return found
