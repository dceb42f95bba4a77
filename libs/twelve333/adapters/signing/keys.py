"""Keys made where they are used: a private key never leaves its machine, only a request signed by it does.

A member's folder holds `tls.key` (0600), `tls.crt` (its certificate, then the issuing authority's) and `ca.crt` (the root it
trusts): the names of a Kubernetes TLS secret, so that a folder and a mounted secret look the same.
"""

from __future__ import annotations

import hashlib
import itertools
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

from twelve333.core.decision import Refusal, Refused, refuse
from twelve333.core.identity import Identity, parse_identity

from . import codes
from .files import PRIVATE, read_file, write_file
from .profiles import UNREADABLE

KEY_FILE: Final = "tls.key"
CHAIN_FILE: Final = "tls.crt"
ROOT_FILE: Final = "ca.crt"


@dataclass(frozen=True, slots=True)
class Material:
    """What one end of mutual TLS needs, checked to belong together.

    Args:
        key: PEM private key.
        chain: PEM certificates, leaf first, without the root.
        root: PEM root certificates that peers must chain to.
        identity: whom the leaf speaks for.
        serial: of the leaf, lower-case hexadecimal.
        not_after: when the leaf ends (UTC).
    """

    key: bytes
    chain: bytes
    root: bytes
    identity: Identity
    serial: str
    not_after: datetime


def make_key() -> ec.EllipticCurvePrivateKey:
    """A new P-256 key."""
    return ec.generate_private_key(ec.SECP256R1())


def make_request(key: ec.EllipticCurvePrivateKey) -> bytes:
    """A certificate request (PEM) that proves possession of `key` and asks for nothing: the authority decides the names."""
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    return request.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """The key as unencrypted PKCS #8 PEM, for a 0600 file or a secret."""
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def key_and_request(folder: Path) -> bytes:
    """Make a key in `folder`, or take the one already there, and return the request for it (PEM).

    Asking again after a lost answer therefore sends the same key: the hub can answer with the same certificate.
    """
    path = folder / KEY_FILE
    if not path.exists():
        write_file(path, key_pem(make_key()), PRIVATE)
    return make_request(load_key(path))


def load_key(path: Path) -> ec.EllipticCurvePrivateKey:
    """Read a P-256 private key.

    Raises:
        Refused: SECURITY_FILE_*.
    """
    try:
        key = serialization.load_pem_private_key(read_file(path), password=None)
    except (ValueError, TypeError) as error:
        raise Refused(refuse(codes.FILE_MALFORMED, path=path)) from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise Refused(refuse(codes.FILE_MALFORMED, path=path))
    return key


def load_certificates(path: Path) -> list[x509.Certificate]:
    """Read one or more PEM certificates.

    Raises:
        Refused: SECURITY_FILE_*.
    """
    try:
        return x509.load_pem_x509_certificates(read_file(path))
    except ValueError as error:
        raise Refused(refuse(codes.FILE_MALFORMED, path=path)) from error


def load_material(folder: Path) -> Material:
    """Read and check a member's folder.

    Raises:
        Refused: SECURITY_FILE_* naming the file, SECURITY_KEY_MISMATCH, SECURITY_CHAIN_MISMATCH.
    """
    return load_material_files(folder / CHAIN_FILE, folder / KEY_FILE, folder / ROOT_FILE)


def load_material_files(chain_path: Path, key_path: Path, root_path: Path) -> Material:
    """Read and check certificate chain, key and root from three files; refusals as `load_material`."""
    chain, key, roots = load_certificates(chain_path), load_key(key_path), load_certificates(root_path)
    if chain[0].public_key() != key.public_key():
        raise Refused(refuse(codes.KEY_MISMATCH, certificate=chain_path, key=key_path))
    _check_chain(chain, roots, chain_path, root_path)
    leaf = chain[0]
    identity = certificate_identity(leaf)
    if isinstance(identity, Refusal):
        raise Refused(identity)
    root_bytes = read_file(root_path)
    return Material(key_pem(key), read_file(chain_path), root_bytes, identity, serial_of(leaf), leaf.not_valid_after_utc)


def write_material(folder: Path, chain: bytes, root: bytes) -> None:
    """Keep what the authority answered next to the key, the root first so that a chain is never without it."""
    write_file(folder / ROOT_FILE, root)
    write_file(folder / CHAIN_FILE, chain)


def certificate_identity(certificate: x509.Certificate) -> Identity | Refusal:
    """Whom a certificate speaks for: its only URI name."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        uris = names.get_values_for_type(x509.UniformResourceIdentifier)
    except (x509.ExtensionNotFound, *UNREADABLE):
        uris = []
    return parse_identity(uris[0] if len(uris) == 1 else "")


def serial_of(certificate: x509.Certificate) -> str:
    """The serial number as lower-case hexadecimal, as the directory lists it."""
    return format(certificate.serial_number, "x")


def fingerprint_of(key: PublicKeyTypes) -> str:
    """SHA-256 of a public key (DER, SubjectPublicKeyInfo), lower-case hexadecimal: what the register knows a key by."""
    der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(der).hexdigest()


def is_issued_by(certificate: x509.Certificate, parent: x509.Certificate) -> bool:
    """Whether `parent`'s key signed `certificate`, and their names say so too."""
    try:
        certificate.verify_directly_issued_by(parent)
    except (*UNREADABLE, TypeError, InvalidSignature):
        return False
    return True


def _check_chain(chain: list[x509.Certificate], roots: list[x509.Certificate], chain_path: Path, root_path: Path) -> None:
    """Each certificate must be issued by the next and the last by a root; the TLS peer checks the rest."""
    steps = all(is_issued_by(child, parent) for child, parent in itertools.pairwise(chain))
    if not steps or not any(is_issued_by(chain[-1], root) for root in roots):
        raise Refused(refuse(codes.CHAIN_MISMATCH, certificate=chain_path, root=root_path))
