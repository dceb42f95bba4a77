"""Two copies of the directory: whether what two nodes were shown can be one history.

A node refuses a second text under a version that it holds. What it cannot see alone is that another node was shown another text: both are
signed by the hub's key. So nodes tell each other what they work from. Each directory names the one that it was made from, so neither two
texts under one number nor two histories with different numbers stay apart unnoticed. A hub that was restored names none before its
first one; but it confirms no old directory once it has made that one, and somebody who only says so goes on beside a hub that does.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from ..decision import Code, Kind
from .freshness import CLOCKS_DIFFER

DIRECTORY_SPLIT: Final = Code("REGISTRATION_DIRECTORY_SPLIT", Kind.PEER_VIOLATION)
DIRECTORY_OTHER_HISTORY: Final = Code("REGISTRATION_DIRECTORY_OTHER_HISTORY", Kind.PEER_VIOLATION)
HELD_MAX: Final = 16
_SHOWN_DIGITS: Final = 16


@dataclass(frozen=True, slots=True)
class Held:
    """A directory that a node has accepted.

    Args:
        version, digest: its number, and SHA-256 of its payload.
        previous, previous_digest: those of the one it was made from; 0 and empty: it says none.
        made_at: by the hub's clock; None: a node of an older program tells of it.
        confirmed_at: when the hub last said that it is the present one, by the hub's clock.
    """

    version: int
    digest: bytes
    previous: int = 0
    previous_digest: bytes = b""
    made_at: datetime | None = None
    confirmed_at: datetime | None = field(default=None, compare=False)  # goes on by itself: nothing new to tell


@dataclass(frozen=True, slots=True)
class Split:
    """Two directories that are not of one history, ours and theirs."""

    ours: Held
    theirs: Held

    def words(self, member: str) -> str:
        """Both by version and hash, for operators to compare."""
        mine, other = self.ours, self.theirs
        return f"{_shown(mine)} here, {_shown(other)} at {member}"


def with_newest(held: Sequence[Held], newest: Held) -> tuple[Held, ...]:
    """What a node has worked from, with one that comes into use."""
    return (*(each for each in held if each.version != newest.version), newest)[-HELD_MAX:]


def with_confirmed(held: Sequence[Held], at: datetime) -> tuple[Held, ...]:
    """The same, the newest of which the hub confirmed then."""
    return (*held[:-1], *(replace(newest, confirmed_at=at) for newest in held[-1:]))


def split_between(ours: Iterable[Held], theirs: Sequence[Held]) -> Split | None:
    """The first two directories that cannot be of one history; None if all can."""
    return next((Split(mine, other) for mine in ours for other in theirs if _contradict(mine, other)), None)


def _contradict(one: Held, other: Held) -> bool:
    if one.version == other.version:
        return one.digest != other.digest
    newer, older = (one, other) if one.version > other.version else (other, one)
    if newer.made_at and older.confirmed_at and older.confirmed_at > newer.made_at + CLOCKS_DIFFER:
        return True  # a hub that had made the newer one would not have said so of the older
    if newer.previous == older.version:
        return newer.previous_digest != older.digest
    return 0 < newer.previous < older.version  # it was made from one before the older, which it thereby never had


def _shown(held: Held) -> str:
    return f"{held.version} {held.digest.hex()[:_SHOWN_DIGITS]}"
