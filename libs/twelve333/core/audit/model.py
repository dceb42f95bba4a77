"""A record of the audit log, its place in the chain, and the head others witness. Nothing personal: who, what, which id, how it ended."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

GENESIS: Final = bytes(32)
OK: Final = "OK"


@dataclass(frozen=True, slots=True)
class Entry:
    """What happened.

    Args:
        at: when (UTC).
        role: of who did it, as the access tables name it.
        actor: member and name, as the certificate proved them.
        action: such as `cases.answer` or `cases.read`.
        subject: id of what it is about: a case, a unit, a member.
        outcome: `OK`, or the code of the refusal.
    """

    at: datetime
    role: str
    actor: str
    action: str
    subject: str
    outcome: str = OK


@dataclass(frozen=True, slots=True)
class Record:
    """An entry in its place: number from 1, hash of the record before, its own hash."""

    sequence: int
    entry: Entry
    previous: bytes
    digest: bytes


@dataclass(frozen=True, slots=True)
class Head:
    """The last record at some time, as the member told others."""

    sequence: int
    digest: bytes


def chained(entry: Entry, before: Head) -> Record:
    """The record that follows `before`."""
    sequence = before.sequence + 1
    return Record(sequence, entry, before.digest, digest_of(sequence, entry, before.digest))


def digest_of(sequence: int, entry: Entry, previous: bytes) -> bytes:
    """SHA-256 over the JSON list of previous hash, number and every field, so that none can be moved into another."""
    at = entry.at.astimezone(UTC).isoformat(timespec="microseconds")
    fields = [previous.hex(), sequence, at, entry.role, entry.actor, entry.action, entry.subject, entry.outcome]
    return hashlib.sha256(json.dumps(fields, ensure_ascii=True, separators=(",", ":")).encode("ascii")).digest()
