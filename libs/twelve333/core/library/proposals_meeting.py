"""A proposal meets what the library says meanwhile: it fits as it is, merges by itself, or leaves a clash for a person.

Here also the text of a proposal is made and read again: as a difference to the text that it started from, proved by the digests of both.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256

from ..decision import Refusal, refuse
from . import proposal_codes as codes
from .merging import Clash, Side, merge
from .model import Tombstone
from .proposals import Text
from .sheets import EMPTY, Sheet, difference, patched, text_of


@dataclass(frozen=True, slots=True)
class EntryClash:
    """One side took the whole entry out, the other changed it; None is the side that took it out."""

    base: Sheet
    theirs: Sheet | None
    mine: Sheet | None


@dataclass(frozen=True, slots=True)
class Meeting:
    """What comes out when a proposal is laid on the present text.

    Args:
        clashes: what a person has to decide; empty if it merges by itself.
        mine, theirs: the result if the proposal's, or the library's, words count where they clash; None: the entry goes.
    """

    clashes: tuple[Clash | EntryClash, ...]
    mine: Sheet | None
    theirs: Sheet | None

    def taking(self, side: Side) -> Sheet | None:
        """The result with one side's words where both clash."""
        return self.mine if side is Side.MINE else self.theirs


@dataclass(frozen=True, slots=True)
class Present:
    """What the library says of an entry: its sheet and the number of its text; no sheet if it does not hold it."""

    sheet: Sheet | None
    version: int


def digest_of_sheet(sheet: Sheet) -> bytes:
    """SHA-256 over what a sheet says, whatever bytes it was read from; each part is preceded by its length."""
    parts = [part for name in sorted(sheet.fields) for part in (name.encode(), sheet.fields[name])]
    return sha256(b"".join(len(part).to_bytes(4, "big") + part for part in [*parts, text_of(sheet.paragraphs).encode()])).digest()


def text_from(present: Present, target: Sheet | None, title: str, tombstone: Tombstone | None = None) -> Text | Refusal:
    """What a proposal says that wants `target` in place of what is there.

    Args:
        present: what the library says now.
        target: what it should say; None for a removal.
        title: of the target, or of the entry to be removed.
        tombstone: why it should go.
    """
    base = present.sheet or EMPTY
    version, digest = (present.version, digest_of_sheet(base)) if present.sheet else (0, b"")
    if tombstone is not None:
        return Text(title, version, digest, b"", tombstone=tombstone) if present.sheet else refuse(codes.NOTHING_CHANGES)
    change = difference(base, target or EMPTY)
    if target is None or not (change.fields or change.paragraphs):
        return refuse(codes.NOTHING_CHANGES)
    return Text(title, version, digest, digest_of_sheet(target), change)


def proposed_sheet(text: Text, base: Sheet) -> Sheet | Refusal | None:
    """What `text` wants the entry to say, None for a removal; refuses a base that is not the one it was made on.

    Args:
        base: the entry's text number `text.base_version`; empty for 0.
    """
    if (digest_of_sheet(base) if text.base_version else b"") != text.base_digest:
        return refuse(codes.BASE_DIFFERS, place=str(text.base_version))
    if text.tombstone is not None:
        return None
    made = patched(base, text.change)
    if isinstance(made, Sheet) and digest_of_sheet(made) != text.digest:
        return refuse(codes.BASE_DIFFERS, place="digest")
    return made


def meet(text: Text, base: Sheet, mine: Sheet | None, present: Present) -> Meeting:
    """Lay a proposal on what the library says now.

    Args:
        text: what is proposed.
        base: what it started from; empty for a new entry.
        mine: what it wants (`proposed_sheet`).
        present: what the library says now.
    """
    now = present.sheet
    if mine is None:
        unchanged = now is None or present.version == text.base_version
        return Meeting((), None, None) if unchanged else Meeting((EntryClash(base, now, None),), None, now)
    if now is None and text.base_version:
        return Meeting((EntryClash(base, None, mine),), mine, None)
    merged = merge(base, now or EMPTY, mine)
    return Meeting(merged.clashes, merged.taking(Side.MINE), merged.taking(Side.THEIRS))
