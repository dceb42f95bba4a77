"""A closed case whose texts were deleted: who did what and when stays, of each text only its hash.

So histories still follow step by step, and a late repeat of a step whose text is gone is known to be the same.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Final

from .messages import CaseAnswered, CaseEvent, CaseOpened, TransferRefused
from .model import Case

MARK: Final = "∅ sha256:"
_LENGTH: Final = len(MARK) + 64


def forget(text: str) -> str:
    """What stays of a text: a mark and its SHA-256; of one that was forgotten before, itself."""
    return text if not text or is_forgotten(text) else MARK + hashlib.sha256(text.encode()).hexdigest()


def is_forgotten(text: str) -> bool:
    """Whether this is what stays of a text."""
    return len(text) == _LENGTH and text.startswith(MARK) and not text[len(MARK) :].strip("0123456789abcdef")


def without_text(event: CaseEvent) -> CaseEvent:
    """A step without what a person wrote."""
    match event:
        case CaseOpened():
            return replace(event, summary=forget(event.summary))
        case TransferRefused():
            return replace(event, reason=forget(event.reason))
        case CaseAnswered():
            return replace(event, answer=forget(event.answer))
        case _:
            return event


def forgotten(case: Case) -> Case:
    """A case without what people wrote."""
    return replace(
        case, summary=forget(case.summary), answer=forget(case.answer), history=tuple(without_text(event) for event in case.history)
    )


def same_step(one: CaseEvent, other: CaseEvent) -> bool:
    """Whether two steps are the same, also if the text of one of them, or of both, is forgotten."""
    return one == other or without_text(one) == without_text(other)
