"""The certificate authority of the federation (made by `hub init`) and of each node's own desktops.

Root -> issuing -> leaf. The root key signs one issuing certificate and then belongs in a safe: `root/` can be taken off the
machine whole, `issuing/` is all that running needs. The authority alone decides the names in a certificate: a request proves
possession of a key, and one that asks for anything else is refused rather than trimmed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from twelve333.core.decision import Refused, refuse
from twelve333.core.identity import Identity

from . import codes, profiles
from .files import PRIVATE, put_together, read_file, refuse_existing, write_file
from .keys import key_pem, load_certificates, load_key, make_key
from .trust import Trust, fingerprint, root_above

ROOT_LIFETIME: Final = timedelta(days=20 * 365)
ISSUING_LIFETIME: Final = timedelta(days=5 * 365)
LEAF_LIFETIME_MAX: Final = timedelta(days=90)
CLOCK_SKEW: Final = timedelta(minutes=10)  # a leaf is valid this long before it was made: clocks of provinces differ

TRUSTED_FILE: Final = "trusted.pem"
LINKS_FILE: Final = "links.pem"
_KEY, _CERTIFICATE = "ca.key", "ca.crt"


@dataclass(frozen=True, slots=True)
class Issued:
    """What the asker gets back.

    Args:
        chain: PEM, leaf first, then the issuing certificate.
        root: PEM of the root.
        serial: of the leaf, lower-case hexadecimal.
        not_after: when the leaf ends (UTC).
    """

    chain: bytes
    root: bytes
    serial: str
    not_after: datetime


@dataclass(frozen=True, slots=True)
class Authority:
    """The issuing half of an authority, as a running process holds it.

    Args:
        key: signs leaves.
        certificate: of the issuing authority.
        root: the certificate that everybody pins.
        trust: what those who belong to it are to trust.
    """

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate
    root: x509.Certificate
    trust: Trust = field(default_factory=Trust)

    @property
    def root_pem(self) -> bytes:
        """The root as PEM, to be kept by every member as `ca.crt`."""
        return self.root.public_bytes(serialization.Encoding.PEM)

    @property
    def pin(self) -> str:
        """The pin of the root, to be read aloud or pasted beside a join token: `sha256:<64 hex digits>`."""
        return pin_of(self.root)

    def issue(
        self,
        request: bytes,
        identity: Identity,
        dns_names: Sequence[str],
        lifetime: timedelta,
        now: datetime,
        *,
        carries_root: bool = False,
    ) -> Issued:
        """Certify the key of `request` as `identity`.

        Args:
            request: PEM certificate request, signed by the key it carries.
            identity: whom the certificate speaks for; what the asker may be is decided before this call.
            dns_names: where it may serve; empty for one that only calls.
            lifetime: from now, at most 90 days; never beyond the issuing certificate.
            now: aware UTC time.
            carries_root: put the root inside, so that a joining node can find it and check its pin (enrolment listener only).

        Raises:
            Refused: SECURITY_REQUEST_*, SECURITY_LIFETIME_TOO_LONG, SECURITY_AUTHORITY_EXPIRED.
        """
        if not timedelta(0) < lifetime <= LEAF_LIFETIME_MAX:
            raise Refused(refuse(codes.LIFETIME_TOO_LONG, days=LEAF_LIFETIME_MAX.days))
        if now >= self.certificate.not_valid_after_utc:
            raise Refused(refuse(codes.AUTHORITY_EXPIRED, date=self.certificate.not_valid_after_utc.date()))
        asked = check_request(request, identity, dns_names)
        validity = profiles.Validity(now - CLOCK_SKEW, min(now + lifetime, self.certificate.not_valid_after_utc))
        builder = profiles.leaf(_p256(asked.public_key()), identity, dns_names, self.certificate, validity)
        if carries_root:
            builder = builder.add_extension(profiles.root_extension(self.root), critical=False)
            if self.trust.links:
                builder = builder.add_extension(profiles.links_extension(self.trust.links), critical=False)
        leaf = builder.sign(self.key, hashes.SHA256())
        chain = leaf.public_bytes(serialization.Encoding.PEM) + self.certificate.public_bytes(serialization.Encoding.PEM)
        return Issued(chain, self.root_pem, format(leaf.serial_number, "x"), leaf.not_valid_after_utc)


def create_authority(folder: Path, name: str, now: datetime) -> Authority:
    """Make a root and an issuing authority under `folder` (`root/`, `issuing/`).

    Args:
        folder: must not hold an authority yet.
        name: for people who read certificates, e.g. `12333 federation`.
        now: aware UTC time.

    Raises:
        Refused: SECURITY_FILE_EXISTS, so that a second `init` never orphans a federation; SECURITY_FILE_UNREADABLE.

    Both halves come into place together, so whoever was ended in the middle begins again as if there had been nothing.
    """
    for half in ("root", "issuing"):
        refuse_existing(folder / half / _KEY)
    root_key, key = make_key(), make_key()
    root = profiles.root(root_key, f"{name} root", profiles.Validity(now - CLOCK_SKEW, now + ROOT_LIFETIME))
    validity = profiles.Validity(now - CLOCK_SKEW, now + ISSUING_LIFETIME)
    issuing = profiles.issuing(key.public_key(), f"{name} issuing", root, validity).sign(root_key, hashes.SHA256())
    with put_together(folder) as made:
        write_half(made / "root", root_key, root)
        write_half(made / "issuing", key, issuing)
    return Authority(key, issuing, root, Trust((root,)))


def load_authority(folder: Path) -> Authority:
    """Read the issuing half; `root/ca.key` may be elsewhere.

    Raises:
        Refused: SECURITY_FILE_*, SECURITY_KEY_MISMATCH, SECURITY_CHAIN_MISMATCH.
    """
    key_file, file, root_file = folder / "issuing" / _KEY, folder / "issuing" / _CERTIFICATE, folder / "root" / _CERTIFICATE
    key, certificate, trust = load_key(key_file), load_certificates(file)[0], trust_of(folder)
    if certificate.public_key() != key.public_key():
        raise Refused(refuse(codes.KEY_MISMATCH, certificate=file, key=key_file))
    # While a root is exchanged both halves change, one after the other: what counts is under which root the issuing one is.
    root = root_above([certificate], [*load_certificates(root_file), *trust.roots])
    if root is None:
        raise Refused(refuse(codes.CHAIN_MISMATCH, certificate=file, root=root_file))
    return Authority(key, certificate, root, trust)


def trust_of(folder: Path) -> Trust:
    """What those who belong to the authority in `folder` are to trust: one root, or two while the one replaces the other.

    Raises:
        Refused: SECURITY_FILE_*.
    """
    roots, links = folder / TRUSTED_FILE, folder / LINKS_FILE
    if not roots.exists():
        return Trust((load_certificates(folder / "root" / _CERTIFICATE)[0],))
    return Trust(tuple(load_certificates(roots)), tuple(load_certificates(links)))


def check_request(request: bytes, identity: Identity, dns_names: Sequence[str]) -> x509.CertificateSigningRequest:
    """Refuse a request that is malformed, not signed by its own key, weak, or asks for what it was not granted.

    Source: RFC 2986 section 3 (proof of possession).
    """
    try:
        asked = x509.load_pem_x509_csr(request)
        proved, key, extensions = asked.is_signature_valid, asked.public_key(), asked.extensions
    except (*profiles.UNREADABLE, TypeError, InvalidSignature) as error:
        raise Refused(refuse(codes.REQUEST_MALFORMED)) from error
    if not proved:
        raise Refused(refuse(codes.REQUEST_NOT_PROVED))
    _p256(key)
    beyond = profiles.asked_beyond(asked.subject, extensions, identity, dns_names)
    if beyond:
        raise Refused(refuse(codes.REQUEST_ASKS_BEYOND, asked=beyond))
    return asked


def _p256(key: object) -> ec.EllipticCurvePublicKey:
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise Refused(refuse(codes.REQUEST_WEAK_KEY))
    return key


def pin_of(root: x509.Certificate) -> str:
    """`sha256:` and the SHA-256 of the certificate's DER in hexadecimal."""
    return f"sha256:{fingerprint(root)}"


def write_half(folder: Path, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate) -> None:
    """Keep the key (0600) and the certificate of one half of an authority."""
    write_file(folder / _KEY, key_pem(key), PRIVATE)
    write_file(folder / _CERTIFICATE, certificate.public_bytes(serialization.Encoding.PEM))


def root_certificate(folder: Path) -> bytes:
    """The root (PEM) of the authority in `folder`."""
    return read_file(folder / "root" / _CERTIFICATE)
