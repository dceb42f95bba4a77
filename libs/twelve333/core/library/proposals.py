"""A proposal of a province or city to the library: never a write, but steps that people take in turn, each with a name under it.

draft -> province review -> ministry review -> accepted, merged into another entry, or returned with a reason. In each state one member
decides (the province's until it has approved, then the ministry's), so province and ministry never decide the same step.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum, StrEnum
from typing import Final

from .model import HASH_BYTES, Tombstone
from .sheets import UNCHANGED, Difference

NOTE_CHARS_MAX: Final = 500
SOURCES_MAX: Final = 20
SOURCE_CHARS_MAX: Final = 200
STEPS_MAX: Final = 200
PERSON_CHARS_MAX: Final = 64


class ProposalKind(Enum):
    """What is proposed."""

    NEW = "new"
    CHANGE = "change"
    REMOVE = "remove"


class State(StrEnum):
    """Where a proposal stands; the steps between the states are in `proposals_machine`."""

    DRAFT = "draft"
    PROVINCE_REVIEW = "province_review"
    MINISTRY_REVIEW = "ministry_review"
    RETURNED = "returned"  # with a reason; may be revised and submitted again
    ACCEPTED = "accepted"  # it is in a release
    MERGED = "merged"  # it went into another entry


class Verdict(StrEnum):
    """What a reviewer says."""

    ACCEPT = "accept"
    RETURN = "return"
    MERGE = "merge"


@dataclass(frozen=True, slots=True)
class Person:
    """Who takes a step: the member, the unit (`000000` for the ministry), and the name in the certificate."""

    member: str
    unit: str
    name: str


@dataclass(frozen=True, slots=True)
class Text:
    """What is proposed, as a difference to what the library said then.

    Args:
        title: of the entry as proposed.
        base_version: which text of the entry it starts from; 0 for a new entry.
        base_digest, digest: SHA-256 of the base and of what results, both without provenance; empty for nothing.
        change: what changes; from nothing, for a new entry.
        tombstone: why it is to go, if a removal is proposed.
    """

    title: str
    base_version: int
    base_digest: bytes
    digest: bytes
    change: Difference = UNCHANGED
    tombstone: Tombstone | None = None


@dataclass(frozen=True, slots=True)
class Seal:
    """A member's signature under what its reviewers agreed to, with the certificates it is checked by."""

    member: str
    signature: bytes
    chain: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Published:
    """The release that an accepted or merged proposal came in with, and the entry and text of it; version 0: nothing was changed."""

    release: int
    entry_id: str
    version: int


@dataclass(frozen=True, slots=True)
class Stamp:
    """Heads every step: whose proposal, which step of it (from 1), who, and when."""

    proposal_id: str
    version: int
    by: Person
    at: datetime


@dataclass(frozen=True, slots=True)
class Made:
    """A draft exists."""

    stamp: Stamp
    entry_id: str
    kind: ProposalKind
    text: Text
    sources: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class Submitted:
    """The draft goes to the province's reviewers."""

    stamp: Stamp


@dataclass(frozen=True, slots=True)
class Revised:
    """A draft or a returned proposal has another text, and is a draft again."""

    stamp: Stamp
    text: Text
    note: str = ""


@dataclass(frozen=True, slots=True)
class Resolved:
    """A clash with what the library says meanwhile was decided: the proposal starts from the present text now.

    Args:
        own: whether the person wrote words of their own, and so is an author.
    """

    stamp: Stamp
    text: Text
    own: bool = False


@dataclass(frozen=True, slots=True)
class Merging:
    """Into which entry a proposal is merged, and with which text; an empty change says that it holds everything already."""

    entry_id: str
    text: Text


@dataclass(frozen=True, slots=True)
class Reviewed:
    """A reviewer has spoken.

    Args:
        seen: the step that brought in the text that was read.
        verdict: what was said.
        reason: compulsory for a return.
        merging: compulsory for a merge.
        seal: the member's signature, when this step ends its stage.
        published: what became of it, when this step is the last.
    """

    stamp: Stamp
    seen: int
    verdict: Verdict
    reason: str = ""
    merging: Merging | None = None
    seal: Seal | None = None
    published: Published | None = None


Step = Made | Submitted | Revised | Resolved | Reviewed


@dataclass(frozen=True, slots=True)
class Proposal:
    """One proposal, as both sides know it.

    Args:
        proposal_id: made by the asker, for life.
        entry_id, kind: what it is about.
        proposer: who made it.
        authors: everybody who wrote words of it (member and name); they never review it.
        text, text_step: what is proposed now, and the step that brought it in.
        sources, note: what it rests on, and a word to the reviewers.
        state: where it stands.
        votes: what reviewers of the present stage have said of the present text.
        history: every step, in order.
    """

    proposal_id: str
    entry_id: str
    kind: ProposalKind
    proposer: Person
    authors: frozenset[tuple[str, str]]
    text: Text
    text_step: int
    sources: tuple[str, ...]
    note: str
    state: State
    votes: tuple[Reviewed, ...]
    history: tuple[Step, ...]

    @property
    def version(self) -> int:
        """Steps taken."""
        return len(self.history)

    @property
    def member(self) -> str:
        """The member of the proposer."""
        return self.proposer.member

    @property
    def last(self) -> Step:
        """The last step."""
        return self.history[-1]


def is_digest(value: bytes) -> bool:
    """Whether this can be the digest of a text, or of none."""
    return len(value) in (0, HASH_BYTES)


def identity(person: Person) -> tuple[str, str]:
    """Who a person is, whatever unit they speak for."""
    return person.member, person.name
