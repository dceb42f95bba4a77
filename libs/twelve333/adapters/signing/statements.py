"""Signatures of members under what they hand to the broker: made with the key of their federation certificate, checked up to a root.

Rule served: whoever carries a message need not be trusted with its origin. A certificate is checked once and remembered by its hash;
whether its key was revoked, and whether it has ended, is asked each time.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from ...core.decision import Refusal, Refused, refuse
from ...core.delivery.codes import SIGNATURE_MISSING, SIGNATURE_WRONG
from ...core.identity import FEDERATION_DOMAIN, Role
from ..clock import Clock
from ..telemetry.logs import logger
from .files import changed_at
from .keys import CHAIN_FILE, KEY_FILE, ROOT_FILE, certificate_identity, fingerprint_of, is_issued_by, load_certificates, load_key
from .profiles import UNREADABLE

CHAIN_MOST: Final = 4
CERTIFICATE_BYTES_MOST: Final = 4096
_REMEMBERED_MOST: Final = 1024
_ALGORITHM: Final = ec.ECDSA(hashes.SHA256())

log = logger("delivery")


@dataclass(frozen=True, slots=True)
class Signature:
    """A signature and the certificates (DER, the signer's first) that it is checked by."""

    value: bytes
    chain: Sequence[bytes]


class Signer:
    """Signs with the key in a member's folder and follows its files: after a renewal with the new certificate.

    Args:
        folder: `tls.key`, `tls.crt`.

    Raises:
        Refused: SECURITY_FILE_*, at start; later what worked stays in use.
    """

    def __init__(self, folder: Path) -> None:
        self._folder, self._file = folder, folder / CHAIN_FILE
        self._stamp = changed_at(self._file)
        self._key, self._chain = self._load()

    def sign(self, said: bytes) -> Signature:
        """The signature under these bytes."""
        stamp = changed_at(self._file)
        if stamp != self._stamp:
            try:
                self._key, self._chain = self._load()
                self._stamp = stamp
            except Refused as refused:  # half written: look again the next time
                log.warning("certificate not taken up", code=refused.refusal.code.name)
        return Signature(self._key.sign(said, _ALGORITHM), self._chain)

    def _load(self) -> tuple[ec.EllipticCurvePrivateKey, list[bytes]]:
        chain = load_certificates(self._folder / CHAIN_FILE)
        return load_key(self._folder / KEY_FILE), [each.public_bytes(serialization.Encoding.DER) for each in chain]


@dataclass(frozen=True, slots=True)
class _Signer:
    """A certificate that was checked: whom it speaks for, its key, and from when to when it counts."""

    member: str
    key: ec.EllipticCurvePublicKey
    fingerprint: str
    not_before: datetime
    not_after: datetime


class Verifier:
    """Checks signatures against the roots that the listeners of a member trust.

    Args:
        folder: whose `ca.crt` names the roots; followed as it changes.
        revoked: whether a key, by its fingerprint, counts no more.
        clock: the present moment.
    """

    def __init__(self, folder: Path, revoked: Callable[[str], bool], clock: Clock) -> None:
        self._file, self._revoked, self._clock = folder / ROOT_FILE, revoked, clock
        self._stamp = changed_at(self._file)
        self._roots = load_certificates(self._file)
        self._known: dict[bytes, _Signer] = {}

    def check(self, member: str, said: bytes, signature: Signature) -> Refusal | None:
        """Refuse what `member` has not signed.

        Refusals: `DELIVERY_SIGNATURE_MISSING`, `DELIVERY_SIGNATURE_WRONG`.
        """
        if not signature.value:
            return refuse(SIGNATURE_MISSING, origin=member)
        signer = self._signer(signature.chain)
        if signer is None:
            return refuse(SIGNATURE_WRONG, origin=member, reason="no certificate of this federation")
        if wrong := self._fault(signer, member):
            return refuse(SIGNATURE_WRONG, origin=member, reason=wrong)
        try:
            signer.key.verify(signature.value, said, _ALGORITHM)
        except InvalidSignature:
            return refuse(SIGNATURE_WRONG, origin=member, reason="not what was signed")
        return None

    def _fault(self, signer: _Signer, member: str) -> str:
        if signer.member != member:
            return "signed by another member"
        if self._revoked(signer.fingerprint):
            return "revoked key"
        return "" if signer.not_before <= self._clock() <= signer.not_after else "certificate that has ended"

    def _signer(self, chain: Sequence[bytes]) -> _Signer | None:
        """Whose certificate comes first, if the chain leads to a root."""
        self._follow_roots()
        if not 0 < len(chain) <= CHAIN_MOST or any(len(each) > CERTIFICATE_BYTES_MOST for each in chain):
            return None
        name = hashlib.sha256(b"".join(chain)).digest()
        if name not in self._known:
            signer = signer_of(chain, self._roots)
            if signer is None:
                return None
            if len(self._known) >= _REMEMBERED_MOST:
                self._known.clear()
            self._known[name] = signer
        return self._known[name]

    def _follow_roots(self) -> None:
        stamp = changed_at(self._file)
        if stamp == self._stamp:
            return
        try:
            self._roots = load_certificates(self._file)
        except Refused as refused:  # half written: look again the next time
            log.warning("roots not taken up", code=refused.refusal.code.name)
            return
        self._stamp = stamp
        self._known.clear()


def signer_of(encoded: Sequence[bytes], roots: Sequence[x509.Certificate]) -> _Signer | None:
    """Whom the first of these certificates speaks for, if they can be read and lead to one of the roots."""
    try:
        leaf, *parents = [x509.load_der_x509_certificate(each) for each in encoded]
        key, identity = leaf.public_key(), certificate_identity(leaf)
        leads = all(_is_authority(parent) and is_issued_by(child, parent) for child, parent in itertools.pairwise([leaf, *parents]))
        if not leads or not any(is_issued_by([leaf, *parents][-1], root) for root in roots):
            return None
    except UNREADABLE:
        return None
    if isinstance(identity, Refusal) or identity.trust_domain != FEDERATION_DOMAIN or not isinstance(key, ec.EllipticCurvePublicKey):
        return None
    if identity.caller.role not in (Role.HUB, Role.NODE):
        return None
    begins = max(each.not_valid_before_utc for each in (leaf, *parents))
    ends = min(each.not_valid_after_utc for each in (leaf, *parents))
    return _Signer(identity.caller.member, key, fingerprint_of(key), begins, ends)


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        return bool(certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca)
    except x509.ExtensionNotFound:
        return False
