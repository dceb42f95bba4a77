"""Which keys of a member count: one at a time, none once revoked.

Rules: what is revoked is the key, so every certificate that was ever issued for it falls with it; a revoked key never counts again;
a member that joins with another key leaves the one before behind, so that a copy of its machine cannot go on in its name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from ..decision import Decision, Refusal, refuse
from . import codes
from .messages import KeyRevoked
from .model import Certificate, Member

REASON_CHARS_MAX: Final = 200
SUPERSEDED: Final = "superseded"
# A revoked key is listed this long after its last certificate ended: clocks of members differ, but never by so much.
LISTED_BEYOND: Final = timedelta(days=1)


def revoke(
    member: Member | None, held: Sequence[Certificate], name: str, reason: str, now: datetime
) -> Decision[list[Certificate]] | Refusal:
    """Decide what revoking a member changes; what is revoked already stays as it is.

    Args:
        member: as registered, if it is.
        held: all its certificates.
        name: of the member, for the refusal.
        reason: why, for the register.
        now: aware UTC time.

    Returns:
        The certificates that changed.
    """
    if member is None:
        return refuse(codes.MEMBER_UNKNOWN, name=name[:16])
    if not reason.strip() or len(reason) > REASON_CHARS_MAX:
        return refuse(codes.REASON_MISSING, limit=REASON_CHARS_MAX)
    return _revoked([each for each in held if each.revoked_at is None], reason, now)


def supersede(held: Sequence[Certificate], key_fingerprint: str, now: datetime) -> Decision[list[Certificate]] | Refusal:
    """Decide what it changes that a member comes with a key: nothing for the key it has, the end of the others otherwise.

    Args:
        held: all its certificates.
        key_fingerprint: of the key it comes with.
        now: aware UTC time.

    Returns:
        The certificates that changed.
    """
    if is_revoked(held, key_fingerprint):
        return refuse(codes.KEY_REVOKED)
    return _revoked([each for each in held if each.revoked_at is None and each.key_fingerprint != key_fingerprint], SUPERSEDED, now)


def renew(member: Member | None, held: Sequence[Certificate], name: str, key_fingerprint: str) -> Refusal | None:
    """Decide whether a member may have a new certificate: only for the key that it joined with, and only while that counts.

    Args:
        member: as registered, if it is.
        held: all its certificates.
        name: of the member, for the refusal.
        key_fingerprint: of the key that it proved.
    """
    if member is None:
        return refuse(codes.MEMBER_UNKNOWN, name=name[:16])
    if is_revoked(held, key_fingerprint):
        return refuse(codes.KEY_REVOKED)
    return None if member.key_fingerprint == key_fingerprint else refuse(codes.KEY_NOT_YOURS, name=member.name)


def is_revoked(held: Sequence[Certificate], key_fingerprint: str) -> bool:
    """Whether this key was ever revoked."""
    return any(each.revoked_at is not None for each in held if each.key_fingerprint == key_fingerprint)


def listed(revoked: Sequence[Certificate], now: datetime) -> list[Certificate]:
    """What the directory lists: of each revoked key the certificate that ends last, as long as somebody might still take it for good."""
    last: dict[str, Certificate] = {}
    for each in sorted(revoked, key=lambda certificate: certificate.not_after):
        last[each.key_fingerprint] = each
    return sorted((each for each in last.values() if now < each.not_after + LISTED_BEYOND), key=lambda each: each.key_fingerprint)


def _revoked(ended: Sequence[Certificate], reason: str, now: datetime) -> Decision[list[Certificate]]:
    keys = sorted({(each.member, each.key_fingerprint) for each in ended})
    return Decision([replace(each, revoked_at=now, reason=reason) for each in ended], tuple(KeyRevoked(*key) for key in keys))
