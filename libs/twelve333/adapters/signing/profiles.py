"""What each kind of certificate says: root, issuing, leaf. Pure building of X.509, no key is kept here.

Source: RFC 5280 section 4.2; SPIFFE X509-SVID (exactly one URI name, leaves never sign).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from twelve333.core.identity import Identity

# A private arc (ITU-T X.667: 2.25 followed by a UUID as an integer) for the two extensions that are ours.
ROOT_OID: Final = x509.ObjectIdentifier("2.25.301474547966683389281429338303908621251")
LINKS_OID: Final = x509.ObjectIdentifier("2.25.177912375467286170935126018894527604387")

# What the parser raises for bytes that are no certificate or request, or one that RFC 5280 does not allow.
UNREADABLE: Final = (ValueError, UnsupportedAlgorithm, x509.InvalidVersion, x509.DuplicateExtension, x509.UnsupportedGeneralNameType)


@dataclass(frozen=True, slots=True)
class Validity:
    """From when to when (aware UTC)."""

    not_before: datetime
    not_after: datetime


@dataclass(frozen=True, slots=True)
class _Issuer:
    name: x509.Name
    key: ec.EllipticCurvePublicKey


def root(key: ec.EllipticCurvePrivateKey, name: str, validity: Validity) -> x509.Certificate:
    """A self-signed root that may have one level of authority below it."""
    subject = _common_name(name)
    return _authority(key.public_key(), subject, _Issuer(subject, key.public_key()), validity, path_length=1).sign(key, hashes.SHA256())


def vouching(root: x509.Certificate, parent: x509.Certificate, validity: Validity) -> x509.CertificateBuilder:
    """One root's word for another's key: the same name and key, signed by `parent` instead of by itself."""
    key = root.public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise TypeError("an authority of ours has a P-256 key")
    return _authority(key, root.subject, _issuer(parent), validity, path_length=1)


def issuing(key: ec.EllipticCurvePublicKey, name: str, parent: x509.Certificate, validity: Validity) -> x509.CertificateBuilder:
    """An authority that signs leaves only."""
    return _authority(key, _common_name(name), _issuer(parent), validity, path_length=0)


def leaf(
    key: ec.EllipticCurvePublicKey, identity: Identity, dns_names: Sequence[str], parent: x509.Certificate, validity: Validity
) -> x509.CertificateBuilder:
    """A member's or person's certificate; it may serve only where it has DNS names."""
    usages = [ExtendedKeyUsageOID.CLIENT_AUTH, *([ExtendedKeyUsageOID.SERVER_AUTH] if dns_names else [])]
    subject = _common_name(identity.caller.name or identity.caller.member or identity.caller.role.value)
    return (
        _base(key, subject, _issuer(parent), validity)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        .add_extension(x509.SubjectAlternativeName(_names(identity, dns_names)), critical=False)
    )


def root_extension(certificate: x509.Certificate) -> x509.UnrecognizedExtension:
    """The root inside a leaf; worth nothing until its pin is checked."""
    return x509.UnrecognizedExtension(ROOT_OID, certificate.public_bytes(serialization.Encoding.DER))


def links_extension(certificates: Sequence[x509.Certificate]) -> x509.UnrecognizedExtension:
    """Roots of all times and what vouches for them, inside a leaf: for those who know an older root only; each link is checked."""
    return x509.UnrecognizedExtension(LINKS_OID, b"".join(each.public_bytes(serialization.Encoding.PEM) for each in certificates))


def asked_beyond(subject: x509.Name, extensions: x509.Extensions, identity: Identity, dns_names: Sequence[str]) -> str:
    """What a request asks for that was not granted, in words for the asker; empty when nothing."""
    granted = _names(identity, dns_names)
    return ", ".join([*(attribute.rfc4514_string() for attribute in subject), *_extras(extensions, granted)])[:128]


def _extras(extensions: x509.Extensions, granted: list[x509.GeneralName]) -> Iterator[str]:
    for extension in extensions:
        if isinstance(extension.value, x509.SubjectAlternativeName):
            yield from (str(name.value) for name in extension.value if name not in granted)
        else:
            yield extension.oid.dotted_string


def _names(identity: Identity, dns_names: Sequence[str]) -> list[x509.GeneralName]:
    return [x509.UniformResourceIdentifier(identity.uri), *(x509.DNSName(name) for name in dns_names)]


def _authority(
    key: ec.EllipticCurvePublicKey, subject: x509.Name, issuer: _Issuer, validity: Validity, path_length: int
) -> x509.CertificateBuilder:
    builder = _base(key, subject, issuer, validity)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=path_length), critical=True)
    return builder.add_extension(_key_usage(signs_certificates=True), critical=True)


def _base(key: ec.EllipticCurvePublicKey, subject: x509.Name, issuer: _Issuer, validity: Validity) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.name)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(validity.not_before)
        .not_valid_after(validity.not_after)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key), critical=False)
    )


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _common_name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _issuer(certificate: x509.Certificate) -> _Issuer:
    key = certificate.public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise TypeError("an authority of ours has a P-256 key")
    return _Issuer(certificate.subject, key)
