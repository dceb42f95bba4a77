"""Facts of registration: units with their life, members with their endpoint, join tokens.

A unit is one of the 366 places of prefecture level and above that the national coverage table counts. "Uses a consulting
system" is counted apart from "open", as the table does.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class UnitStatus(StrEnum):
    """Where a unit stands in its life; the allowed steps are in `machine`."""

    PLANNED = "planned"  # in the plan, nothing declared
    REGISTERED = "registered"  # has declared what it answers for
    VERIFIED = "verified"  # proved by a test call both ways
    OPEN = "open"  # answers callers
    SUSPENDED = "suspended"  # for a time answers nobody
    CLOSED = "closed"  # for good


class Level(StrEnum):
    """Administrative level of a unit."""

    PROVINCE = "province"
    PREFECTURE = "prefecture"


@dataclass(frozen=True, slots=True)
class Unit:
    """One coverage unit.

    Args:
        code: GB/T 2260, six digits.
        name: its Chinese name, for people.
        province: code of the reporting body above it (itself for a province-level unit).
        parent: code of the unit that answers when it cannot; empty for a province-level unit.
        level: province or prefecture.
        member: the member whose node serves it (its province, as long as cities have no node of their own).
        status: where it stands in its life.
        with_system: whether it uses a consulting system.
        silent_since: since when it is taken for silent, and does not count as open (`silence`); None while it is heard.
    """

    code: str
    name: str
    province: str
    parent: str
    level: Level
    member: str
    status: UnitStatus
    with_system: bool
    silent_since: datetime | None = None

    @property
    def answers(self) -> bool:
        """Whether it counts as open."""
        return self.status is UnitStatus.OPEN and self.silent_since is None


@dataclass(frozen=True, slots=True)
class Member:
    """A member of the federation: its name (`hub` or province code), where its federation listener answers (host:port),
    the fingerprint (SHA-256 of the public key, hex) of its present certificate and the time it joined."""

    name: str
    endpoint: str
    key_fingerprint: str
    joined_at: datetime


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate as the register remembers it.

    Args:
        serial: lower-case hexadecimal.
        member: whom it speaks for.
        key_fingerprint: SHA-256 (hex) of its public key; what is revoked is the key, so a renewed certificate falls with it.
        issued_at, not_after: from when to when it is good.
        revoked_at: when its key was revoked; None while it counts.
        reason: why, empty while it counts.
    """

    serial: str
    member: str
    key_fingerprint: str
    issued_at: datetime
    not_after: datetime
    revoked_at: datetime | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class JoinToken:
    """A one-time permission to join as `province`; only the SHA-256 of the secret is ever kept.

    Args:
        secret_sha256: hex digest of the secret.
        province: the one province it is good for.
        expires_at: when it ends.
        used_by: fingerprint of the public key that used it, empty while unused.
    """

    secret_sha256: str
    province: str
    expires_at: datetime
    used_by: str = ""
