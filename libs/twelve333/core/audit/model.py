"""A record of the audit log, its place in the chain, and the head others witness. Nothing personal: who, what, which id, how it ended."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from twelve333.core.digests import SHA256_NAME, Digest, digest

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
    """An entry in its place: number from 1, hash of the record before, its own hash, and which hash that is."""

    sequence: int
    entry: Entry
    previous: bytes
    digest: bytes
    suite: str = SHA256_NAME


@dataclass(frozen=True, slots=True)
class Head:
    """The last record at some time, as the member told others; which of them and when they heard it, where that matters."""

    sequence: int
    digest: bytes
    witness: str = ""
    told_at: datetime | None = None


def chained(entry: Entry, before: Head, suite: Digest = SHA256_NAME) -> Record:
    """The record that follows `before`, hashed by `suite`."""
    sequence = before.sequence + 1
    return Record(sequence, entry, before.digest, digest_of(sequence, entry, before.digest, suite), suite)


def digest_of(sequence: int, entry: Entry, previous: bytes, suite: str = SHA256_NAME) -> bytes:
    """The hash over the JSON list of previous hash, number and every field, so that none can be moved into another.

    The list also names the hash, unless it is SHA-256: records from before there was a choice are checked as they were made.

    Raises:
        KeyError: no such hash.
    """
    at = entry.at.astimezone(UTC).isoformat(timespec="microseconds")
    fields = [previous.hex(), sequence, at, entry.role, entry.actor, entry.action, entry.subject, entry.outcome]
    named = fields if suite == SHA256_NAME else [*fields, suite]
    return digest(suite, json.dumps(named, ensure_ascii=True, separators=(",", ":")).encode("ascii"))
