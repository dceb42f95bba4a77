"""New certificates for keys that stay: when one is due, how it is put in place, how a member proves its key when the old one has ended.

A certificate is due after about two thirds of its life; the serial decides where exactly between 63 and 70 %, so that members that
joined together do not come back together. The key stays, so only one file changes, in one step.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from twelve333.core.decision import Refused, refuse
from twelve333.core.identity import Identity, node_identity
from twelve333.core.registration import codes as registration

from . import codes
from .authority import CLOCK_SKEW, check_request
from .files import write_file
from .issuing import Issuer
from .keys import (
    CHAIN_FILE,
    KEY_FILE,
    ROOT_FILE,
    certificate_identity,
    is_issued_by,
    key_and_request,
    load_certificates,
    load_key,
    load_material,
    load_material_files,
)
from .trust import take_up_files

EARLIEST_SHARE: Final = 0.63
SPREAD: Final = 0.07
CLOCKS_DIFFER: Final = timedelta(minutes=10)
_DOMAIN: Final = b"twelve333 renew v1\x00"
_NEW: Final = ".new"


@dataclass(frozen=True, slots=True)
class Proof:
    """What a member without a certificate that counts shows.

    Args:
        province: the member.
        request: PEM certificate request by its key.
        signed_at: its time.
        signature: by the same key, over the three above.
    """

    province: str
    request: bytes
    signed_at: datetime
    signature: bytes


def due_at(leaf: x509.Certificate) -> datetime:
    """When a certificate is to be renewed."""
    issued = leaf.not_valid_before_utc + CLOCK_SKEW
    share = EARLIEST_SHARE + SPREAD * (leaf.serial_number % 1000) / 1000
    return issued + share * (leaf.not_valid_after_utc - issued)


def present_leaf(folder: Path) -> x509.Certificate:
    """The certificate in use in a member's folder.

    Raises:
        Refused: SECURITY_FILE_*.
    """
    return load_certificates(folder / CHAIN_FILE)[0]


def install_chain(folder: Path, chain: bytes) -> None:
    """Put a renewed certificate in place in one step, once it proves to be ours: for our key, our identity, under our root.

    Raises:
        Refused: SECURITY_KEY_MISMATCH, SECURITY_CHAIN_MISMATCH, SECURITY_FILE_*; the one in use stays then.
    """
    new = folder / f"{CHAIN_FILE}{_NEW}"
    write_file(new, chain)
    try:
        if load_material_files(new, folder / KEY_FILE, folder / ROOT_FILE).identity != load_material(folder).identity:
            raise Refused(refuse(codes.KEY_MISMATCH, certificate=new, key=folder / KEY_FILE))
        new.replace(folder / CHAIN_FILE)
    finally:
        new.unlink(missing_ok=True)


def renew_own(authority: Issuer, folder: Path, identity: Identity, names: Sequence[str], now: datetime, *, carries_root: bool) -> bool:
    """Renew a certificate whose authority is at hand, for as long as the one before, and let its folder trust what the authority does.

    One that is not under the authority's present root moves at once. False if nothing is due, or the certificate is not kept here.

    Raises:
        Refused: SECURITY_AUTHORITY_EXPIRED, SECURITY_FILE_*.
    """
    if not (folder / KEY_FILE).exists():
        return False
    chain = load_certificates(folder / CHAIN_FILE)
    take_up_files(folder, authority.trust, now)
    if now < due_at(leaf := chain[0]) and is_issued_by(chain[-1], authority.root):
        return False
    lifetime = leaf.not_valid_after_utc - leaf.not_valid_before_utc - CLOCK_SKEW
    issued = authority.issue(key_and_request(folder), identity, names, lifetime, now, carries_root=carries_root)
    write_file(folder / CHAIN_FILE, issued.chain)
    return True


def renew_profiles(authority: Issuer, folder: Path, domain: str, now: datetime) -> None:
    """Renew the certificates of people and desktops of one trust domain whose folders lie here; copies elsewhere end when they end.

    Raises:
        Refused: as `renew_own`.
    """
    for profile in sorted(path.parent for path in folder.glob(f"*/{CHAIN_FILE}")):
        identity = certificate_identity(present_leaf(profile))
        if isinstance(identity, Identity) and identity.trust_domain == domain and identity.caller.name:
            renew_own(authority, profile, identity, [], now, carries_root=False)


def make_proof(folder: Path, province: str, now: datetime) -> Proof:
    """Prove possession of the key in `folder`, now."""
    request = key_and_request(folder)
    signature = load_key(folder / KEY_FILE).sign(_statement(province, request, now), ec.ECDSA(hashes.SHA256()))
    return Proof(province, request, now, signature)


def check_proof(proof: Proof, names: Sequence[str], now: datetime) -> None:
    """Refuse a proof that is not by the key in its request, or not of now. Whose key that is, the register decides.

    Raises:
        Refused: SECURITY_REQUEST_*, REGISTRATION_PROOF_WRONG, REGISTRATION_CLOCK_OFF.
    """
    key = check_request(proof.request, node_identity(proof.province), names).public_key()
    wrong = refuse(registration.PROOF_WRONG, name=proof.province[:16])
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise Refused(wrong)
    try:
        key.verify(proof.signature, _statement(proof.province, proof.request, proof.signed_at), ec.ECDSA(hashes.SHA256()))
    except InvalidSignature as error:
        raise Refused(wrong) from error
    if abs(now - proof.signed_at) > CLOCKS_DIFFER:
        theirs, ours = (moment.isoformat(timespec="seconds") for moment in (proof.signed_at, now))
        minutes = CLOCKS_DIFFER.seconds // 60
        raise Refused(refuse(registration.CLOCK_OFF, name=proof.province[:16], theirs=theirs, ours=ours, limit=minutes))


def _statement(province: str, request: bytes, moment: datetime) -> bytes:
    name, milliseconds = province.encode(), int(moment.timestamp() * 1000)
    return _DOMAIN + len(name).to_bytes(2, "big") + name + milliseconds.to_bytes(8, "big", signed=True) + hashlib.sha256(request).digest()
