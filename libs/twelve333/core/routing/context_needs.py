"""What of a context travels: personal items only where what the call is about needs them.

Which those are is data (`data/context_needs.toml`; a province may put rows of its own in their place). What does not travel stays with
the unit that hands the call on: its own desktops, last resorts and cases have all of it.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from ..decision import Refusal, refuse
from ..library.deidentify import Personal, without_numbers
from . import codes
from .context import ContextItem, is_item_name

ANY: Final = "any"
EDITION: Final = 1
_TOPIC: Final = re.compile(r"(?:\d{2}){1,5}", re.ASCII)
_PAIR: Final = 2
_NUMBERS: Final = (Personal.ID_NUMBER, Personal.BANK_CARD, Personal.TELEPHONE)


class Told(NamedTuple):
    """What travels of a context, and the names of items that were left out or had numbers blacked out."""

    items: tuple[ContextItem, ...]
    withheld: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Needs:
    """Which items are personal, and by topic which of these are needed; `any` holds for every call."""

    personal: frozenset[str]
    by_topic: Mapping[str, frozenset[str]]

    def of(self, topic: str) -> frozenset[str]:
        """The personal items that a call about `topic` needs: of its row and of all above it; a local code counts as its national one."""
        national = topic.partition(".")[0]
        rows = (ANY, *(national[:end] for end in range(_PAIR, len(national) + 1, _PAIR)))
        return frozenset().union(*(self.by_topic.get(row, frozenset()) for row in rows))

    def with_own(self, own: Needs) -> Needs:
        """These with a province's own rows in the place of those of the same topics."""
        return Needs(self.personal | own.personal, {**self.by_topic, **own.by_topic})


def minimised(context: Sequence[ContextItem], topic: str, needs: Needs) -> Told:
    """What of `context` travels with a call about `topic` (empty: not known)."""
    wanted = needs.of(topic)
    kept = [item for item in context if item.name not in needs.personal or item.name in wanted]
    hidden = [kind for kind in _NUMBERS if kind.value not in wanted]
    items = tuple(item if item.name in wanted else ContextItem(item.name, without_numbers(item.text, hidden)) for item in kept)
    travels = frozenset(items)
    return Told(items, tuple(item.name for item in context if item not in travels))


def needs_of(text: str, personal: Collection[str] = ()) -> Needs | Refusal:
    """Read a table of needs.

    Args:
        text: TOML: `version = 1`, `personal` (names of items) and `needs` (names by topic code, or `any`).
        personal: names that are personal already, so that rows may name them.

    Returns:
        The table, or ROUTING_CONTEXT_NEEDS_MALFORMED with what is wrong first.
    """
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        return refuse(codes.CONTEXT_NEEDS_MALFORMED, at=str(error)[:120])
    wrong = next(_wrong(table, personal), "")
    if wrong:
        return refuse(codes.CONTEXT_NEEDS_MALFORMED, at=wrong)
    own = frozenset(table.get("personal", ()))
    return Needs(own, {topic: frozenset(names) for topic, names in table.get("needs", {}).items()})


def _wrong(table: Mapping[str, object], personal: Collection[str]) -> Iterator[str]:
    """What is not in order, as it is written in the file."""
    yield from (key for key in table if key not in ("version", "personal", "needs"))
    if table.get("version") != EDITION:
        yield "version"
    own, rows = table.get("personal", []), table.get("needs", {})
    if not _names(own):
        yield "personal"
    if not isinstance(rows, dict):
        yield "needs"
        return
    known = {*personal, *(own if isinstance(own, list) else ())}
    for topic, names in rows.items():
        if (topic != ANY and not _TOPIC.fullmatch(topic)) or not _names(names) or not known.issuperset(names):
            yield f"needs.{topic}"


def _names(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(name, str) and is_item_name(name) for name in value)
