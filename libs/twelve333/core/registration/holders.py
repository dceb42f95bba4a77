"""Whose certificate counts among operators, desktops and business systems: one key a name, none once it was ended.

Rules: a name that nothing was decided about counts with any key that the authority certified, as those made at `init` and `join` do; a name
that was certified counts with that key only; a name that was ended counts with none, until it is certified again with another key.
Nobody ends or replaces themselves, so somebody is always left who may.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from ..decision import Decision, Refusal, refuse
from ..identity import Caller, Role, check_name
from . import codes
from .certificates import REASON_CHARS_MAX

HOLDERS: Final = frozenset({Role.OPERATOR, Role.DESK, Role.LOCAL_OPERATOR})


@dataclass(frozen=True, slots=True)
class Holder:
    """What was decided about a name.

    Args:
        role: in what capacity it calls.
        name: as in its certificate.
        key_fingerprint: of the key that counts, or counted last; empty if none was ever certified through the register.
        since: when that was decided.
        revoked_at: when it was ended; None while it counts.
        reason: why, empty while it counts.
    """

    role: Role
    name: str
    key_fingerprint: str
    since: datetime
    revoked_at: datetime | None = None
    reason: str = ""


def admits(holder: Holder | None, key_fingerprint: str) -> bool:
    """Whether a certificate counts that is for this key, by what was decided about its name."""
    return holder is None or (holder.revoked_at is None and holder.key_fingerprint == key_fingerprint)


def certify(holder: Holder | None, asker: Caller, role: Role, name: str, key_fingerprint: str, now: datetime) -> Decision[Holder] | Refusal:
    """Decide whether a key may have a certificate in a name; the same key again gets the same answer.

    Args:
        holder: what was decided about the name before, if anything.
        asker: an operator.
        role, name: as whom the certificate is to speak.
        key_fingerprint: SHA-256 (hex) of the public key in the signing request.
        now: aware UTC time.
    """
    if refusal := check_name(name):
        return refusal
    if (asker.role, asker.name) == (role, name):
        return refuse(codes.HOLDER_SELF)
    if holder and holder.key_fingerprint == key_fingerprint:
        return Decision(holder) if holder.revoked_at is None else refuse(codes.HOLDER_KEY_REVOKED)
    if holder and holder.revoked_at is None:
        return refuse(codes.HOLDER_EXISTS, name=name)
    return Decision(Holder(role, name, key_fingerprint, now), ("certified",))


def end(holder: Holder | None, asker: Caller, role: Role, name: str, reason: str, now: datetime) -> Decision[Holder] | Refusal:
    """Decide what ending the certificates of a name changes; what is ended already stays as it is.

    Args:
        holder: what was decided about the name before, if anything.
        asker: an operator.
        role, name: whose certificates.
        reason: why, for the register.
        now: aware UTC time.
    """
    if refusal := check_name(name):
        return refusal
    if (asker.role, asker.name) == (role, name):
        return refuse(codes.HOLDER_SELF)
    if not reason.strip() or len(reason) > REASON_CHARS_MAX:
        return refuse(codes.REASON_MISSING, limit=REASON_CHARS_MAX)
    if holder and holder.revoked_at is not None:
        return Decision(holder)
    return Decision(replace(holder or Holder(role, name, "", now), revoked_at=now, reason=reason), ("ended",))
