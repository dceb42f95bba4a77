"""Two live copies of one member: which of them may speak, and how others notice that there are two.

Rule served: a member is one history. Every running copy carries a fence, a number that rises whenever another copy takes over; others
refuse a lower one than they have seen. Copies that carry the same fence, because nobody has arbitrated yet, betray themselves: they
tell different events under one number.
"""

from __future__ import annotations

import hashlib
import struct
from datetime import UTC, datetime
from typing import Final

from ..decision import Refusal, refuse
from .codes import FENCE_OLD, FORKED
from .model import Envelope, InboxFacts

DIGEST_BYTES: Final = 16
_LENGTHS: Final = struct.Struct(">4I")
_DAY_SECONDS: Final = 24 * 3600
_START: Final = datetime(1970, 1, 1, tzinfo=UTC)


def check_fence(member: str, seen: int, fence: int) -> Refusal | None:
    """Refuse what a copy says that was superseded; an older program (0) tells no fence.

    Args:
        member: whose copy speaks.
        seen: the highest fence that any copy of it has shown.
        fence: of the copy that speaks.
    """
    return refuse(FENCE_OLD, origin=member, fence=fence, current=seen) if 0 < fence < seen else None


def check_fork(facts: InboxFacts, envelope: Envelope) -> Refusal | None:
    """Refuse an event that is another one than we had under its number or its id; the same one again is none of it."""
    mine, theirs = facts.known_digest, digest_of(envelope)
    if facts.known_event and (not mine or not theirs or mine == theirs):
        return None
    return refuse(FORKED, origin=envelope.origin, epoch=envelope.epoch, sequence=envelope.sequence)


def digest_of(envelope: Envelope) -> bytes:
    """What an event says, in 16 bytes, the same however often it is sent; empty while it is sealed, since sealing differs each time."""
    if envelope.sealed:
        return b""
    since = envelope.occurred_at - _START
    moment = (since.days * _DAY_SECONDS + since.seconds) * 1_000_000 + since.microseconds
    kind, key, at, payload = envelope.type.encode(), envelope.key.encode(), b"%d" % moment, envelope.payload
    lengths = _LENGTHS.pack(len(kind), len(key), len(at), len(payload))
    return hashlib.sha256(b"".join((lengths, kind, key, at, payload))).digest()[:DIGEST_BYTES]
