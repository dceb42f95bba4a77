"""Commands and events of registration."""

from __future__ import annotations

from dataclasses import dataclass

from .model import Level, UnitStatus


@dataclass(frozen=True, slots=True)
class Join:
    """A province asks to become a member, or repeats that request because the answer was lost.

    Args:
        province: the province it claims to be.
        endpoint: host:port at which other members reach its federation listener.
        key_fingerprint: SHA-256 (hex) of the public key in its signing request.
    """

    province: str
    endpoint: str
    key_fingerprint: str


@dataclass(frozen=True, slots=True)
class RegisterUnit:
    """A unit is entered or changed.

    Args:
        code, name, level, with_system: as in `Unit`.
        status: the state of a register that is taken over; None leaves it to the life cycle.
        declares: whether a declaration comes with it.
    """

    code: str
    name: str
    level: Level
    with_system: bool
    status: UnitStatus | None
    declares: bool


@dataclass(frozen=True, slots=True)
class MemberJoined:
    """A member has joined, or has come back with a new key or endpoint."""

    name: str


@dataclass(frozen=True, slots=True)
class KeyRevoked:
    """A key of a member counts no more."""

    member: str
    key_fingerprint: str


@dataclass(frozen=True, slots=True)
class UnitChanged:
    """A unit was entered or changed; the directory gets a new version."""

    code: str
    status: UnitStatus
