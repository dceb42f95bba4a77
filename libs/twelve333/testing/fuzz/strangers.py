"""What reaches us before anybody is trusted, or through people's hands: requests, certificates, sealed payloads, files.

Certificates are damaged as DER and then dressed again, because damage to the base64 around them hardly ever gets past the first look.
"""

from __future__ import annotations

from base64 import encodebytes
from datetime import UTC, datetime
from functools import lru_cache
from random import Random
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.x509.oid import NameOID

from ...adapters.signing import profiles
from ...adapters.signing.authority import check_request
from ...adapters.signing.keys import certificate_identity
from ...adapters.signing.pinning import carried_trust
from ...adapters.signing.sealing import Opener, Sealer, listed_key
from ...adapters.signing.statements import signer_of
from ...adapters.signing.suites import BY_MARK
from ...adapters.signing.trust import from_der, reach
from ...cli.unit_file import parse_units
from ...core.decision import Refusal
from ...core.identity import Identity, parse_identity
from ...core.library.markdown import Guide, Topic, parse_file

_KEY: Final = ec.derive_private_key(12_333, ec.SECP256R1())
_NEXT_KEY: Final = ec.derive_private_key(12_334, ec.SECP256R1())
_SEALED_TO: Final = X25519PrivateKey.from_private_bytes(bytes(range(32)))
_OPENER: Final = Opener(lambda: (_SEALED_TO,))
_SEALER: Final = Sealer()
_VALIDITY: Final = profiles.Validity(datetime(2026, 3, 2, tzinfo=UTC), datetime(2027, 3, 2, tzinfo=UTC))
_GUIDE: Final = Guide((Topic("01", ("养老", "保险")), Topic("0101", ("养老保险",))), {"福州市": "350100"})
_HAN: Final = "关于养老保险的通知国务院令第号年月日起施行经部局〔2020〕1２3"
_NAMES: Final = ("node.350000.12333", "xn--", "a" * 64, "*.example", "..", "")


def signing_request(data: bytes) -> object:
    """As the hub's enrolment listener takes it, dressed as PEM."""
    return check_request(_dressed(data, "CERTIFICATE REQUEST"), _identity(), ["node.350000.12333"])


def signing_request_sample(chance: Random) -> bytes:
    """A request with odd names in it, signed by its own key."""
    builder = x509.CertificateSigningRequestBuilder().subject_name(_name(chance))
    if chance.random() < 0.8:
        builder = builder.add_extension(x509.SubjectAlternativeName(_alternatives(chance)), critical=chance.random() < 0.5)
    if chance.random() < 0.3:
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    return builder.sign(_KEY, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def certificate(data: bytes) -> object:
    """As a listener asks whom a certificate speaks for, and a joining node what root it carries."""
    told = carried_trust(data)
    reach([*told.roots, *told.links], [*told.roots, *told.links], _VALIDITY.not_before)
    try:
        shown = x509.load_der_x509_certificate(data)
    except profiles.UNREADABLE:
        return None
    return certificate_identity(shown)


def signer(data: bytes) -> object:
    """As a receiver asks who signed a message, by the certificates attached to it."""
    return signer_of([data], [_root()])


def roots(data: bytes) -> object:
    """As a member takes up a list of roots from a directory."""
    return reach([_root()], from_der([data, data]), _VALIDITY.not_before)


def roots_sample(chance: Random) -> bytes:
    """A root, or what vouches for another."""
    return chance.choice((_root(), _voucher())).public_bytes(serialization.Encoding.DER)


@lru_cache(maxsize=1)
def _root() -> x509.Certificate:
    return profiles.root(_KEY, "federation root", _VALIDITY)


@lru_cache(maxsize=1)
def _voucher() -> x509.Certificate:
    return profiles.vouching(profiles.root(_NEXT_KEY, "next root", _VALIDITY), _root(), _VALIDITY).sign(_KEY, hashes.SHA256())


@lru_cache(maxsize=64)
def _leaf(number: int) -> bytes:
    builder = profiles.leaf(_KEY.public_key(), _identity(), ["node.350000.12333"][: number % 2], _root(), _VALIDITY)
    builder = builder.add_extension(profiles.root_extension(_root()), critical=False) if number % 3 else builder
    builder = builder.add_extension(profiles.links_extension([_voucher()]), critical=False) if number % 5 == 0 else builder
    return builder.sign(_KEY, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def certificate_sample(chance: Random) -> bytes:
    """A leaf of the federation, some with the root inside."""
    return _leaf(chance.randrange(64))


def sealed(data: bytes) -> object:
    """As the sealed bus opens it; the first byte is the suite that the envelope names."""
    return _OPENER.open(data[1:], b"names", data[0] if data else 0)


def sealed_sample(chance: Random) -> bytes:
    """A payload sealed to us; some name another event."""
    payload = chance.randbytes(chance.randrange(80))
    suite = chance.choice(tuple(BY_MARK.values()))
    names = chance.choice((b"names", b"names", b"other"))
    return bytes([suite.mark]) + _SEALER.seal(str(suite.mark), listed_key(_SEALED_TO, suite), payload, names)


def units_file(data: bytes) -> object:
    """As `unit import` reads it."""
    return parse_units(data.decode(errors="replace"), "units.csv")


def units_sample(chance: Random) -> bytes:
    """A few rows with every column."""
    head = "unit_code,unit_name,level,status,with_system,hours,languages,topics,seats,target,fallbacks"
    return "\n".join([head, *(",".join(_row(chance)) for _ in range(chance.randrange(4)))]).encode()


def _row(chance: Random) -> list[str]:
    code, level = chance.choice(("350100", "", "abc")), chance.choice(("prefecture", "PROVINCE", "x"))
    hours = chance.choice(("always", "1-5 08:30-12:00 13:30-17:30; 6 09:00-12:00", "9-1 25:99-00:00", '"1 08:00-'))
    seats = chance.choice(("3", "-1", "9" * 5000, "1e9", "三", ""))
    said = [hours, "zh;en", "*", seats, chance.choice(("sip:12333@fz", "")), "350000;" * chance.randrange(3)]
    return [code, "福州", level, chance.choice(("", "open", "?")), "1", *said]


def markdown_file(data: bytes) -> object:
    """As `library import` reads it."""
    return parse_file(("350000", "养老保险办法(2020-01-01).md"), data.decode(errors="replace"), _GUIDE)


def markdown_sample(chance: Random) -> bytes:
    """A policy text with an introduction, or our own form."""
    run = "".join(chance.choices(_HAN, k=chance.choice((5, 40, 400, 6000))))
    if chance.random() < 0.3:
        return f"---\nid: a\nkind: {chance.choice(('policy', 'faq', ''))}\ntitle: {run}\nvalid_from: 2020-13-01\n---\n{run}".encode()
    return f"# {run[:40]}\n\n2020年1月1日 {run}\n自2020年2月1日起施行\n<!-- INFO END -->\n\n{run}".encode()


@lru_cache(maxsize=1)
def _identity() -> Identity:
    identity = parse_identity("spiffe://federation.12333/province/350000")
    if isinstance(identity, Refusal):  # pragma: no cover - the text above is right
        raise TypeError(identity.code.name)
    return identity


def _name(chance: Random) -> x509.Name:
    if chance.random() < 0.6:
        return x509.Name([])
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "员" * chance.randrange(1, 22))])


def _alternatives(chance: Random) -> list[x509.GeneralName]:
    names: list[x509.GeneralName] = [x509.UniformResourceIdentifier(_identity().uri)]
    names += [x509.DNSName(chance.choice(_NAMES)) for _ in range(chance.randrange(3))]
    if chance.random() < 0.2:
        names.append(x509.DirectoryName(_name(chance)))
    if chance.random() < 0.2:
        names.append(x509.OtherName(NameOID.COMMON_NAME, b"\x0c\x01a"))
    return names


def _dressed(der: bytes, kind: str) -> bytes:
    return b"-----BEGIN %b-----\n%b-----END %b-----\n" % (kind.encode(), encodebytes(der), kind.encode())
