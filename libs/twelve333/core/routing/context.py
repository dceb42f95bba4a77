"""What travels with a call so that the caller never repeats it: small, bounded, and given to nobody but the unit that accepted.

The offer carries only the hash; the accepting node fetches the text and compares.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import Final, NamedTuple

from ..decision import Refusal, refuse
from . import codes

ITEMS_MAX: Final = 16
NAME_CHARS_MAX: Final = 64
TEXT_CHARS_MAX: Final = 4_096
TOTAL_CHARS_MAX: Final = 8_192
_NAME: Final = re.compile(rf"[a-z][a-z0-9_]{{0,{NAME_CHARS_MAX - 1}}}", re.ASCII)


class ContextItem(NamedTuple):
    """One thing to know: `question`, `told_so_far`."""

    name: str
    text: str


def is_item_name(text: str) -> bool:
    """Whether an item may be called so: a-z, 0-9 and _, a letter first, at most 64."""
    return _NAME.fullmatch(text) is not None


def check_context(items: Sequence[ContextItem]) -> Refusal | None:
    """Refuse a context with more than 16 items, 4,096 characters in one, 8,192 in all, or a malformed or repeated name."""
    names = {item.name for item in items}
    sound = len(items) <= ITEMS_MAX and len(names) == len(items) and all(map(is_item_name, names))
    small = all(len(item.text) <= TEXT_CHARS_MAX and "\x00" not in item.text for item in items)
    if sound and small and sum(len(item.text) for item in items) <= TOTAL_CHARS_MAX:
        return None
    return refuse(codes.CONTEXT_TOO_LARGE, items=ITEMS_MAX, each=TEXT_CHARS_MAX, total=TOTAL_CHARS_MAX)


def digest_of(items: Sequence[ContextItem]) -> bytes:
    """SHA-256 over names and texts, each followed by a zero byte, as UTF-8; empty for an empty context."""
    if not items:
        return b""
    return hashlib.sha256(b"".join(f"{item.name}\x00{item.text}\x00".encode() for item in items)).digest()
