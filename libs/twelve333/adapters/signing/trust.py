"""Which roots are trusted, and how another one comes in: only if one that is trusted already has signed for its key.

When a root is replaced, each of the two signs a certificate for the other's key: the old for the new, so that whoever trusts the old comes
to trust the new; the new for the old, so that who joins later can meet members that have not moved yet. A list of roots, whoever signed it,
can therefore bring in none that no trusted root has vouched for.

Source: RFC 4210 section 4.4 (NewWithOld, OldWithNew).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from .files import write_file
from .keys import CHAIN_FILE, ROOT_FILE, is_issued_by, load_certificates
from .profiles import UNREADABLE

Certificates = Sequence[x509.Certificate]
CERTIFICATES_MAX: Final = 64  # of roots and of what vouches for them, from another member


@dataclass(frozen=True, slots=True)
class Trust:
    """What somebody is to trust, and why.

    Args:
        roots: to be trusted from now on, the present one last; empty says nothing.
        links: roots of all times, and the certificates with which they vouched for each other.
    """

    roots: tuple[x509.Certificate, ...] = ()
    links: tuple[x509.Certificate, ...] = ()


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a list of roots.

    Args:
        roots: to trust now.
        refused: those that nobody who is trusted has vouched for.
    """

    roots: tuple[x509.Certificate, ...]
    refused: tuple[x509.Certificate, ...]


def reach(trusted: Certificates, links: Certificates, now: datetime) -> list[x509.Certificate]:
    """The roots that follow from those that are trusted, these included.

    Args:
        trusted: roots.
        links: roots and what vouches for them, in any order; nothing of it is believed unchecked.
        now: aware UTC time; a certificate counts only within its validity.
    """
    found = list(trusted)
    roots = [each for each in links[:CERTIFICATES_MAX] if each.subject == each.issuer and _is_authority(each, now)]
    vouchers = [each for each in links[:CERTIFICATES_MAX] if each.subject != each.issuer and _is_authority(each, now)]
    for _ in roots:
        found += [root for root in roots if root not in found and any(_vouches(each, root, found) for each in vouchers)]
    return found


def take_up(present: Certificates, own: x509.Certificate, told: Trust, now: datetime) -> Taken:
    """Decide which roots to trust after a list of them has come.

    Args:
        present: those trusted so far.
        own: the last certificate of our own chain; the root above it stays, or nobody could prove us any more.
        told: the list, from the signed directory or the hub's door.
        now: aware UTC time.
    """
    followed = reach(present, [*told.roots, *told.links], now)
    taken = [root for root in told.roots if root in followed]
    kept = [root for root in present if root not in taken and (not told.roots or is_issued_by(own, root))]
    return Taken((*kept, *taken), tuple(root for root in told.roots if root not in followed))


def take_up_files(folder: Path, told: Trust, now: datetime) -> tuple[Taken, bool]:
    """Do so with a member's folder: its `ca.crt` then holds what is trusted.

    Returns:
        What was decided, and whether the file changed.

    Raises:
        Refused: SECURITY_FILE_*.
    """
    present = load_certificates(folder / ROOT_FILE)
    taken = take_up(present, load_certificates(folder / CHAIN_FILE)[-1], told, now)
    if changed := set(taken.roots) != set(present):
        write_file(folder / ROOT_FILE, pem_of(taken.roots))
    return taken, changed


def root_above(chain: Certificates, roots: Certificates) -> x509.Certificate | None:
    """The root under which a chain ends, None if none of these."""
    return next((root for root in roots if is_issued_by(chain[-1], root)), None)


def fingerprint(certificate: x509.Certificate) -> str:
    """SHA-256 of the certificate (DER), lower-case hexadecimal: the pin without its prefix."""
    return certificate.fingerprint(hashes.SHA256()).hex()


def pem_of(certificates: Iterable[x509.Certificate]) -> bytes:
    """All of them as PEM, one after the other."""
    return b"".join(each.public_bytes(serialization.Encoding.PEM) for each in certificates)


def from_der(encoded: Iterable[bytes]) -> tuple[x509.Certificate, ...]:
    """Certificates as they travel; one that cannot be read, or one too many, is left out and so brings nothing in."""
    return tuple(found for each in list(encoded)[:CERTIFICATES_MAX] if (found := _read(each)))


def to_der(certificates: Iterable[x509.Certificate]) -> list[bytes]:
    """Certificates as they travel."""
    return [each.public_bytes(serialization.Encoding.DER) for each in certificates]


def _read(encoded: bytes) -> x509.Certificate | None:
    """A certificate that can be read to its end; the parser looks at names, dates, key and extensions only when they are asked for."""
    try:
        found = x509.load_der_x509_certificate(encoded)
        parts = (found.subject, found.issuer, found.public_key(), found.extensions, found.not_valid_before_utc, found.not_valid_after_utc)
    except UNREADABLE:
        return None
    return found if all(part is not None for part in parts) else None


def _vouches(voucher: x509.Certificate, root: x509.Certificate, trusted: Certificates) -> bool:
    same = voucher.subject == root.subject and voucher.public_key() == root.public_key()
    return same and any(is_issued_by(voucher, each) for each in trusted)


def _is_authority(certificate: x509.Certificate, now: datetime) -> bool:
    try:
        constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    except x509.ExtensionNotFound:
        return False
    return constraints.ca and certificate.not_valid_before_utc <= now < certificate.not_valid_after_utc
