"""Facts of the library: entries, changes to them, and the releases that bind them together.

Legal validity (`valid_from`, `valid_to`) and history of the text (`version`, `release`, `recorded_at`) are two different times and never
mixed: a correction made today may concern a rule of 2010. The content of an entry is carried as the bytes its publisher sent, so that a
replica keeps, hashes and forwards fields that it does not know.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from enum import Enum
from typing import Final

from ..decision import FieldViolation

NATIONAL: Final = "000000"
HASH_BYTES: Final = 32
NO_ROOT: Final = bytes(HASH_BYTES)
PIECE_BYTES: Final = 1 << 20


class EntryKind(Enum):
    """What an entry is for."""

    POLICY = "policy"  # law, regulation, notice, in the words of its issuing body
    GUIDE = "guide"  # how to do a matter
    QA = "qa"  # a question with the agreed answer
    CASE = "case"  # an anonymised, reviewed consultation case
    PROMPT = "prompt"  # a standard announcement or hold music
    FILE = "file"  # a form, table or other file that stands for itself
    TOPICS = "topics"  # classification codes, as a table
    OTHER = "other"  # a kind that this program does not know: kept and forwarded, never published from here


class LinkKind(Enum):
    """How an entry bears on another one."""

    AMENDS = "amends"
    REPEALS = "repeals"
    REPLACES = "replaces"
    INTERPRETS = "interprets"
    IMPLEMENTS = "implements"


class ProvenanceStep(Enum):
    """What was done to an entry on its way into the library."""

    WRITTEN = "written"
    IMPORTED = "imported"
    PROPOSED = "proposed"
    REVIEWED = "reviewed"
    ACCEPTED = "accepted"
    MERGED = "merged"
    MAPPED = "mapped"


class TombstoneReason(Enum):
    """Why an entry is no longer in the library."""

    REPEALED = "repealed"
    WITHDRAWN = "withdrawn"
    MERGED = "merged"
    PUBLISHED_IN_ERROR = "published_in_error"
    OUT_OF_SCOPE = "out_of_scope"  # only between replicas: it is no longer in the part that is copied


@dataclass(frozen=True, slots=True)
class Link:
    """A typed link: to an entry's id, or to the `document` that groups its texts; `since` is the first day on which it has effect."""

    kind: LinkKind
    target: str
    since: date | None = None


@dataclass(frozen=True, slots=True)
class KnownLink:
    """A link seen from its target; `applied` tells whether the target's own dates show the effect already."""

    kind: LinkKind
    entry_id: str
    title: str
    since: date | None = None
    applied: bool = False


@dataclass(frozen=True, slots=True)
class Provenance:
    """One step of where an entry comes from.

    Args:
        step: what was done.
        by: unit code, or `NATIONAL`; empty if not known. Never a person.
        on: the day, None if not known.
        reference: the paper it rests on: file, proposal, entry.
        digest: SHA-256 of what it was made from (32 bytes), or empty.
        signature, chain: of the member of `by` over what was agreed, and the certificates it is checked by; empty for none.
    """

    step: ProvenanceStep
    by: str = ""
    on: date | None = None
    reference: str = ""
    digest: bytes = b""
    signature: bytes = b""
    chain: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file by its content.

    Args:
        name: of the file, without a path.
        media_type: IANA media type.
        size: bytes.
        digest: SHA-256 of the whole, 32 bytes.
        pieces: SHA-256 of each piece of `PIECE_BYTES` in order.
    """

    name: str
    media_type: str
    size: int
    digest: bytes
    pieces: tuple[bytes, ...]


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
        applies_from: first day of the matters it applies to, None if as `valid_from`.
        applies_to: first day of the matters it applies to no longer, None if as `valid_to`.
        links: how it bears on other entries.
        provenance: where it comes from, oldest step first.
        attachments: files that belong to it.
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
    applies_from: date | None = None
    applies_to: date | None = None
    links: tuple[Link, ...] = ()
    provenance: tuple[Provenance, ...] = ()
    attachments: tuple[Attachment, ...] = ()


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
    """One step of the change log: the present content of an entry (exact bytes), or its tombstone.

    `recorded_at` is when its release was made, None if that is not known.
    """

    entry_id: str
    version: int
    release: int
    content: bytes = b""
    tombstone: Tombstone | None = None
    recorded_at: datetime | None = None
    sequence: int = 0


@dataclass(frozen=True, slots=True)
class Leaf:
    """What the Merkle tree knows of one entry: id, version, SHA-256 of the content (32 bytes)."""

    entry_id: str
    version: int
    digest: bytes


@dataclass(frozen=True, slots=True)
class Scope:
    """What a replica holds of the library, all of it if both are empty.

    Args:
        topics: classification codes; what stands under one of them is in.
        regions: where an entry applies: `350000` takes in its cities and counties. National entries are always in.
    """

    topics: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()

    def covers(self, region: str, topics: Iterable[str]) -> bool:
        """Whether an entry of this region and these topics is in."""
        here = not self.regions or region == NATIONAL or any(region.startswith(stem(one)) for one in self.regions)
        return here and (not self.topics or any(topic.startswith(one) for topic in topics for one in self.topics))


EVERYTHING: Final = Scope()


def stem(region: str) -> str:
    """The digits that a region shares with what lies in it: `35` of a province, `3501` of a city, all six of a county."""
    if region.endswith("0000"):
        return region[:2]
    return region[:4] if region.endswith("00") else region


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
        sequence: how far the change log goes after it; with the epoch this is the cursor. 0: from a program that did not count.
        last_urgent, last_normal: the last release that had an urgent change, or one that is not bulk; 0 for none.
        expires_at: until when it may pass for the present one; None: from a program that did not say.
        scope: what part of the library it is about.
    """

    epoch: int
    number: int
    entry_count: int
    root: bytes
    previous_root: bytes
    made_at: datetime
    sequence: int = 0
    last_urgent: int = 0
    last_normal: int = 0
    expires_at: datetime | None = None
    scope: Scope = EVERYTHING
