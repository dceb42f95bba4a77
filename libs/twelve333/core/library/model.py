"""Facts of the library: entries, changes to them, and the releases that bind them together.

Legal validity (`valid_from`, `valid_to`) and history of the text (`version`, `release`) are two different times and never mixed:
a correction made today may concern a rule of 2010. The content of an entry is carried as the bytes its publisher sent, so that a
replica keeps, hashes and forwards fields that it does not know.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import Enum
from typing import Final

from ..decision import FieldViolation

NATIONAL: Final = "000000"
HASH_BYTES: Final = 32
NO_ROOT: Final = bytes(HASH_BYTES)


class EntryKind(Enum):
    """What an entry is for."""

    POLICY = "policy"  # law, regulation, notice, in the words of its issuing body
    GUIDE = "guide"  # how to do a matter
    QA = "qa"  # a question with the agreed answer
    CASE = "case"  # an anonymised, reviewed consultation case


class TombstoneReason(Enum):
    """Why an entry is no longer in the library."""

    REPEALED = "repealed"
    WITHDRAWN = "withdrawn"
    MERGED = "merged"
    PUBLISHED_IN_ERROR = "published_in_error"


@dataclass(frozen=True, slots=True)
class Entry:
    """One text of the library.

    Args:
        id: stable id chosen by the publisher.
        kind, title, body: what it is and says; the body is Markdown.
        topics: classification codes, at least one.
        region: six digits of GB/T 2260, or `NATIONAL`.
        issuing_body, document_number: who issued it and under which number; may be empty.
        document: groups the successive texts of one document; empty if there is one only.
        valid_from: first day in force (Beijing), None if not known.
        valid_to: first day no longer in force, None while in force.
        owner_unit: who keeps it right: a unit code, or `NATIONAL` for the ministry.
        review_due: day by which the owner looks at it again.
        sources: names of the laws it rests on.
    """

    id: str
    kind: EntryKind
    title: str
    body: str
    topics: tuple[str, ...]
    region: str = NATIONAL
    issuing_body: str = ""
    document_number: str = ""
    document: str = ""
    valid_from: date | None = None
    valid_to: date | None = None
    owner_unit: str = NATIONAL
    review_due: date | None = None
    sources: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Tombstone:
    """The removal of an entry, with its reason and the entry to read instead (may be empty)."""

    reason: TombstoneReason
    successor: str = ""


@dataclass(frozen=True, slots=True)
class Item:
    """One item of a publication: the entry as decoded with its exact bytes, or a removal, or why it cannot be read as either."""

    entry_id: str
    entry: Entry | None = None
    content: bytes = b""
    tombstone: Tombstone | None = None
    fault: FieldViolation | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """One step of the change log: the present content of an entry (exact bytes), or its tombstone."""

    entry_id: str
    version: int
    release: int
    content: bytes = b""
    tombstone: Tombstone | None = None


@dataclass(frozen=True, slots=True)
class Leaf:
    """What the Merkle tree knows of one entry: id, version, SHA-256 of the content (32 bytes)."""

    entry_id: str
    version: int
    digest: bytes


@dataclass(frozen=True, slots=True)
class Release:
    """A checkpoint of the library.

    Args:
        epoch: goes up when the hub is restored from a backup.
        number: counts releases, from 1.
        entry_count: entries in the library after it.
        root: Merkle root over all entries, 32 bytes.
        previous_root: root of the release before, `NO_ROOT` for the first.
        made_at: when the hub made it.
    """

    epoch: int
    number: int
    entry_count: int
    root: bytes
    previous_root: bytes
    made_at: datetime
