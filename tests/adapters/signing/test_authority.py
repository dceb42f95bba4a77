"""Certificates: the authority decides every name, the root stays apart, and nothing on disk is half written."""

from __future__ import annotations

import ssl
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.verification import PolicyBuilder, Store

from twelve333.adapters.signing import authority as authorities
from twelve333.adapters.signing import codes
from twelve333.adapters.signing.authority import Authority, create_authority, load_authority
from twelve333.adapters.signing.keys import KEY_FILE, key_and_request, key_pem, load_material, make_key, make_request, write_material
from twelve333.core.decision import Refused
from twelve333.core.identity import Identity, dns_name, hub_identity, node_identity, operator_identity

NOW = datetime.now(UTC).replace(microsecond=0)
DAY = timedelta(days=1)
FUJIAN = node_identity("350000")
NAMES = (dns_name("350000"), "localhost")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("authority")
    create_authority(path, "12333 federation", NOW)
    return path


@pytest.fixture(scope="module")
def authority(folder: Path) -> Authority:
    return load_authority(folder)


def _issue(authority: Authority, request: bytes, identity: Identity = FUJIAN, lifetime: timedelta = 7 * DAY) -> x509.Certificate:
    return x509.load_pem_x509_certificates(authority.issue(request, identity, NAMES, lifetime, NOW).chain)[0]


def _refused(authority: Authority, request: bytes) -> str:
    with pytest.raises(Refused) as caught:
        _issue(authority, request)
    return caught.value.refusal.code.name


def _request_with(extension: x509.ExtensionType, subject: x509.Name | None = None) -> bytes:
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject or x509.Name([])).add_extension(extension, critical=False)
    return builder.sign(make_key(), hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def test_a_leaf_chains_to_the_root_for_its_names(authority: Authority) -> None:
    chain = x509.load_pem_x509_certificates(authority.issue(make_request(make_key()), FUJIAN, NAMES, 7 * DAY, NOW).chain)
    verifier = PolicyBuilder().store(Store([authority.root])).time(NOW).build_server_verifier(x509.DNSName(dns_name("350000")))
    assert verifier.verify(chain[0], chain[1:])[-1] == authority.root


def test_a_leaf_carries_exactly_the_identity_that_was_granted(authority: Authority) -> None:
    names = _issue(authority, make_request(make_key())).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.UniformResourceIdentifier) == [FUJIAN.uri]
    assert names.get_values_for_type(x509.DNSName) == list(NAMES)


def test_a_leaf_cannot_sign_others(authority: Authority) -> None:
    leaf = _issue(authority, make_request(make_key()))
    assert not leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert not leaf.extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign


def test_one_that_only_calls_cannot_serve(authority: Authority) -> None:
    issued = authority.issue(make_request(make_key()), operator_identity("li"), (), DAY, NOW)
    leaf = x509.load_pem_x509_certificate(issued.chain)
    usage = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert [u.dotted_string for u in usage] == ["1.3.6.1.5.5.7.3.2"]


def test_a_request_asking_for_another_identity_is_refused(authority: Authority) -> None:
    beyond = x509.SubjectAlternativeName([x509.UniformResourceIdentifier(hub_identity().uri)])
    assert _refused(authority, _request_with(beyond)) == codes.REQUEST_ASKS_BEYOND.name


def test_a_request_asking_to_be_an_authority_is_refused(authority: Authority) -> None:
    assert _refused(authority, _request_with(x509.BasicConstraints(ca=True, path_length=None))) == codes.REQUEST_ASKS_BEYOND.name


def test_a_request_with_a_subject_is_refused(authority: Authority) -> None:
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "hub")])
    granted = x509.SubjectAlternativeName([x509.UniformResourceIdentifier(FUJIAN.uri)])
    assert _refused(authority, _request_with(granted, subject)) == codes.REQUEST_ASKS_BEYOND.name


def test_a_request_asking_for_less_or_the_same_is_granted(authority: Authority) -> None:
    assert _issue(authority, _request_with(x509.SubjectAlternativeName([x509.DNSName("localhost")])))


def test_a_request_not_signed_by_its_own_key_is_refused(authority: Authority) -> None:
    der = bytearray(x509.load_pem_x509_csr(make_request(make_key())).public_bytes(serialization.Encoding.DER))
    der[-1] ^= 1
    forged = x509.load_der_x509_csr(bytes(der)).public_bytes(serialization.Encoding.PEM)
    assert _refused(authority, forged) == codes.REQUEST_NOT_PROVED.name


def test_other_curves_and_noise_are_refused(authority: Authority) -> None:
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    weak = builder.sign(ec.generate_private_key(ec.SECP384R1()), hashes.SHA256())
    assert _refused(authority, weak.public_bytes(serialization.Encoding.PEM)) == codes.REQUEST_WEAK_KEY.name
    assert _refused(authority, b"noise") == codes.REQUEST_MALFORMED.name


def test_no_leaf_lives_longer_than_ninety_days_or_than_its_issuer(authority: Authority) -> None:
    with pytest.raises(Refused) as caught:
        _issue(authority, make_request(make_key()), lifetime=91 * DAY)
    assert caught.value.refusal.code == codes.LIFETIME_TOO_LONG
    late = authority.certificate.not_valid_after_utc - DAY
    assert authority.issue(make_request(make_key()), FUJIAN, NAMES, 7 * DAY, late).not_after == authority.certificate.not_valid_after_utc
    with pytest.raises(Refused) as caught:
        authority.issue(make_request(make_key()), FUJIAN, NAMES, DAY, late + DAY)
    assert caught.value.refusal.code == codes.AUTHORITY_EXPIRED


def test_issuing_works_with_the_root_key_taken_away(folder: Path, tmp_path: Path) -> None:
    key = folder / "root" / "ca.key"
    away = key.rename(tmp_path / "safe.key")
    assert _issue(load_authority(folder), make_request(make_key()))
    away.rename(key)


def test_a_second_init_never_orphans_a_federation(folder: Path) -> None:
    before = (folder / "root" / "ca.crt").read_bytes()
    with pytest.raises(Refused) as caught:
        create_authority(folder, "again", NOW)
    assert caught.value.refusal.code == codes.FILE_EXISTS
    assert (folder / "root" / "ca.crt").read_bytes() == before


def test_the_pin_is_the_hash_of_the_root(authority: Authority) -> None:
    assert authority.pin == "sha256:" + authority.root.fingerprint(hashes.SHA256()).hex()


def test_private_keys_are_for_their_owner_only(folder: Path, tmp_path: Path) -> None:
    key_and_request(tmp_path / "new")
    for path in (folder / "root" / "ca.key", folder / "issuing" / "ca.key", tmp_path / "new" / KEY_FILE):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def _member(authority: Authority, folder: Path) -> Path:
    issued = authority.issue(key_and_request(folder), FUJIAN, NAMES, DAY, NOW)
    write_material(folder, issued.chain, issued.root)
    return folder


def test_a_members_folder_is_complete_and_belongs_together(authority: Authority, tmp_path: Path) -> None:
    material = load_material(_member(authority, tmp_path))
    assert material.identity == FUJIAN
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "tls.crt", tmp_path / "tls.key")


def test_asking_again_sends_the_same_key(tmp_path: Path) -> None:
    first, second = (x509.load_pem_x509_csr(key_and_request(tmp_path)) for _ in range(2))
    assert first.public_key() == second.public_key()


@pytest.mark.parametrize("name", ["tls.key", "tls.crt", "ca.crt"])
def test_missing_malformed_and_unreadable_files_are_named(authority: Authority, tmp_path: Path, name: str) -> None:
    path = _member(authority, tmp_path) / name
    for spoil, code in ((_noise, codes.FILE_MALFORMED), (_remove, codes.FILE_MISSING), (Path.mkdir, codes.FILE_UNREADABLE)):
        spoil(path)
        with pytest.raises(Refused) as caught:
            load_material(tmp_path)
        assert (caught.value.refusal.code, caught.value.refusal.params["path"]) == (code, str(path))


def test_a_key_of_another_certificate_and_a_foreign_root_are_refused(authority: Authority, tmp_path: Path) -> None:
    folder = _member(authority, tmp_path / "member")
    foreign = create_authority(tmp_path / "foreign", "foreign", NOW)
    (folder / "ca.crt").write_bytes(foreign.root_pem)
    with pytest.raises(Refused) as caught:
        load_material(folder)
    assert caught.value.refusal.code == codes.CHAIN_MISMATCH
    (folder / "tls.key").write_bytes(key_pem(make_key()))
    with pytest.raises(Refused) as caught:
        load_material(folder)
    assert caught.value.refusal.code == codes.KEY_MISMATCH


def _noise(path: Path) -> None:
    path.write_bytes(b"noise")


def _remove(path: Path) -> None:
    path.unlink()


def test_one_that_was_ended_in_the_middle_is_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, write = tmp_path / "local", authorities.write_half

    def ends(half: Path, *rest: Any) -> None:
        write(half, *rest)
        raise KeyboardInterrupt

    monkeypatch.setattr(authorities, "write_half", ends)
    with pytest.raises(KeyboardInterrupt):
        create_authority(folder, "12333 federation", NOW)
    assert not folder.exists()
    monkeypatch.setattr(authorities, "write_half", write)
    create_authority(folder, "12333 federation", NOW)
    load_authority(folder)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["local"]
