"""Commands to the library, and the facts that its decisions tell."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from ..decision import FieldViolation
from .copying import VALID, Lane
from .model import Change, Item, Release


@dataclass(frozen=True, slots=True)
class Publish:
    """Publish items.

    Args:
        items: entries and removals.
        strict: all or nothing.
        lane: how the release is let through to nodes; None: as its content asks for.
        valid: for how long its checkpoint may pass for the present one, unless it is signed anew.
    """

    items: tuple[Item, ...]
    strict: bool = False
    lane: Lane | None = None
    valid: timedelta = VALID


@dataclass(frozen=True, slots=True)
class Rejected:
    """An item that is not in order: its place in the publication (from 0), its id as given, and the first thing wrong with it."""

    index: int
    entry_id: str
    violation: FieldViolation


@dataclass(frozen=True, slots=True)
class Publication:
    """What a publication comes to: changes to keep, the release they make (None if nothing changed), and what was left out."""

    changes: tuple[Change, ...]
    release: Release | None
    added: int = 0
    changed: int = 0
    removed: int = 0
    unchanged: int = 0
    rejected: tuple[Rejected, ...] = ()


@dataclass(frozen=True, slots=True)
class Offer:
    """A release offered to a replica.

    Args:
        release: as decoded from the signed document.
        signature_valid: whether the hub's signature over the document holds.
        root, entry_count: computed by the replica from what it would hold afterwards.
    """

    release: Release
    signature_valid: bool
    root: bytes
    entry_count: int


@dataclass(frozen=True, slots=True)
class ReleaseAnnounced:
    """Hub to every node: there is a new release."""

    epoch: int
    number: int
    root: bytes
    made_at: datetime
    lane: Lane = Lane.NORMAL


@dataclass(frozen=True, slots=True)
class ReleaseApplied:
    """Node to hub: this release is verified, kept and searchable here."""

    epoch: int
    number: int
    entry_count: int
    root: bytes
    applied_at: datetime


@dataclass(frozen=True, slots=True)
class ReleaseRefused:
    """Node to hub: what was offered does not hold; `last_good` is the number still held, 0 for none."""

    epoch: int
    number: int
    reason: str
    last_good: int
    refused_at: datetime
