"""How long what callers told is kept, and the report of what was deleted: counts, times and hashes, nothing personal."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from .decision import Code, Kind

CASES: Final = "cases"  # texts of cases that are closed, or went on elsewhere for good, since the last step known
HELD: Final = "held_steps"  # steps that wait for their predecessor, since they arrived
CONTEXTS: Final = "contexts"  # what was told with a call, since it was placed or accepted
CONFIRMED: Final = "confirmed_events"  # what was told and confirmed, since it was confirmed
PARKED: Final = "parked_events"  # what was set aside, since it was

OVERDUE: Final = Code("RETENTION_OVERDUE", Kind.CONFLICT)
TEXT_LEFT: Final = Code("RETENTION_TEXT_LEFT", Kind.CONFLICT)
RUN_CHANGED: Final = Code("RETENTION_RUN_CHANGED", Kind.PEER_VIOLATION)
RUN_UNRECORDED: Final = Code("RETENTION_RUN_UNRECORDED", Kind.PEER_VIOLATION)
RUN_MISSING: Final = Code("RETENTION_RUN_MISSING", Kind.PEER_VIOLATION)
CASE_UNKNOWN: Final = Code("RETENTION_CASE_UNKNOWN", Kind.NOT_FOUND)
HOLD_MISSING: Final = Code("RETENTION_HOLD_MISSING", Kind.NOT_FOUND)


@dataclass(frozen=True, slots=True)
class Policy:
    """Days that each kind is kept."""

    days: Mapping[str, int]

    def before(self, kind: str, now: datetime) -> datetime:
        """What is older than this is deleted."""
        return now - timedelta(days=self.days[kind])


@dataclass(frozen=True, slots=True)
class Deleted:
    """What was deleted of one kind: how many, older than when, and the hash over their ids."""

    kind: str
    count: int
    before: datetime
    ids_sha256: str


@dataclass(frozen=True, slots=True)
class Run:
    """One unit of work that deleted something.

    Args:
        at: when.
        by: what started it: `policy`, `command`, or the member that had deleted the texts of its cases.
        deleted: what, kind by kind.
    """

    at: datetime
    by: str
    deleted: tuple[Deleted, ...]

    def text(self) -> str:
        """The report, always the same for the same run."""
        kinds = [[each.kind, each.count, _moment(each.before), each.ids_sha256] for each in self.deleted]
        return json.dumps([_moment(self.at), self.by, kinds], ensure_ascii=True, separators=(",", ":"))

    def digest(self) -> str:
        """By which the audit log names the report."""
        return digest_of(self.text())


def digest_of(text: str) -> str:
    """The SHA-256 of a report, in hex."""
    return hashlib.sha256(text.encode()).hexdigest()


def hash_ids(ids: Iterable[Iterable[object]]) -> str:
    """The SHA-256 over the ids of rows, sorted: who has the list can prove that it was this one."""
    lines = sorted(json.dumps([str(part) for part in each], ensure_ascii=True) for each in ids)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds")
