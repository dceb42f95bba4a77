"""What a node's finding about itself is worth: signed by it, of this minute, complete, and as far as the hub can look too, seen by the hub.

The hub repeats what it can: it reaches the node over mutual TLS under the node's own name (address and certificate), compares the time
that was signed with its own clock, and the version with its own. The rest (database, disk, broker, backlog, copies, directory, library,
settings) nobody sees but the node: its word stays its word, but a signed one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from ..decision import Code
from ..registration import codes
from ..registration.life import Evidence, Proof
from .model import Check, Level
from .rules import CLOCK_FAILS

NODE_CHECKS: Final = frozenset(
    {"configuration", "certificate", "database", "disk", "broker", "backlog", "copies", "clock", "hub", "directory", "library"}
)


@dataclass(frozen=True, slots=True)
class Examined:
    """What a node says that it found.

    Args:
        member: who it is.
        at: when, by its clock.
        version: of its program.
        checks: all that it looked at.
    """

    member: str
    at: datetime
    version: str
    checks: tuple[Check, ...]


@dataclass(frozen=True, slots=True)
class Seen:
    """What the hub found itself.

    Args:
        unsigned: why the signature does not count, a code; empty: it does.
        unreached: why the node was not reached under its own name, a code; empty: it was.
        version: of the hub's program.
        at: the hub's time when the finding came.
    """

    unsigned: str
    unreached: str
    version: str
    at: datetime


def judge_examination(examined: Examined | None, member: str, seen: Seen) -> Evidence:
    """What is put on record of a node's finding.

    Args:
        examined: what it signed; None: nothing that can be read.
        member: whose node told it.
        seen: what the hub found itself.
    """

    def failed(code: Code | str, detail: str) -> Evidence:
        return Evidence(Proof.DOCTOR, False, seen.at, member, detail, code if isinstance(code, str) else code.name)

    if examined is None or seen.unsigned or examined.member != member:
        return failed(codes.EXAMINATION_UNSIGNED, seen.unsigned)
    off = abs(examined.at - seen.at)
    if off > CLOCK_FAILS:
        return failed(codes.EXAMINATION_OFF, f"{examined.at:%Y-%m-%d %H:%M:%S}")
    if missing := NODE_CHECKS - {check.name for check in examined.checks}:
        return failed(codes.EXAMINATION_INCOMPLETE, ", ".join(sorted(missing)))
    if wrong := next((check for check in examined.checks if check.level is Level.FAILED), None):
        return failed(wrong.code, wrong.name)
    if _line(examined.version) != _line(seen.version):
        return failed(codes.EXAMINATION_VERSION, f"{examined.version} / {seen.version}")
    if seen.unreached:
        return failed(codes.EXAMINATION_UNREACHED, seen.unreached)
    warned = [check.name for check in examined.checks if check.level is Level.WARNING]
    by_hub = f"reached, certificate, clock {off.total_seconds():.1f} s, version {examined.version}"
    detail = f"{len(examined.checks)} checks signed; seen by hub: {by_hub}" + (f"; warnings: {', '.join(warned)}" if warned else "")
    return Evidence(Proof.DOCTOR, True, seen.at, member, detail)


def _line(version: str) -> str:
    """What two programs must have in common to understand each other: the first number of their versions."""
    return version.partition(".")[0]
