"""Another root in the place of the present one, in three steps, so that no connection ever meets somebody who does not trust it yet.

1. `begin`: a new root and its issuing authority are made, the two roots vouch for each other; both are trusted now, the old one issues.
2. `switch`, once all members trust both: the new one issues, and certificates move to it as they are renewed.
3. `retire`, once all certificates have moved: only the new one is trusted. What the old one said of it is kept for who comes back late.

Each step is whole or not at all, and one that broke off is finished by a repeat. The old root's key is needed for the first step only.
"""

from __future__ import annotations

import shutil
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from twelve333.core.decision import Refused, refuse

from . import codes, profiles
from .authority import CLOCK_SKEW, ISSUING_LIFETIME, LINKS_FILE, ROOT_LIFETIME, TRUSTED_FILE, trust_of, write_half
from .files import refuse_existing, write_file
from .issuing import exchange
from .keys import load_certificates, load_key, make_key
from .trust import Trust, fingerprint, pem_of

# The new root vouches for the old one no longer than the old one's certificates may live; the old one for the new one as long as it may.
OLD_VOUCHED: Final = timedelta(days=180)
_KEY, _CERTIFICATE = "ca.key", "ca.crt"
_ROOT, _ISSUING = "root", "issuing"


class Stage(StrEnum):
    """How far a rotation is."""

    NONE = "none"
    BEGUN = "begun"
    SWITCHED = "switched"


def stage_of(folder: Path) -> Stage:
    """How far the rotation of the authority in `folder` is.

    Raises:
        Refused: SECURITY_FILE_*.
    """
    if len(trust_of(folder).roots) < 2:
        return Stage.NONE
    return Stage.BEGUN if any((folder / f"{half}.next").exists() for half in (_ROOT, _ISSUING)) else Stage.SWITCHED


def begin(folder: Path, root: Path, new_root: Path | None, name: str, now: datetime) -> x509.Certificate:
    """Make the new root, let the old one vouch for it, and have both trusted.

    Args:
        folder: of the authority.
        root: folder with the old root's `ca.key`, from the safe.
        new_root: folder for the new root's `ca.key` and `ca.crt`; beside the authority if None, to be taken into the safe from there.
        name: for people who read certificates.
        now: aware UTC time.

    Returns:
        The new root.

    Raises:
        Refused: SECURITY_FILE_*, SECURITY_KEY_MISMATCH, SECURITY_ROTATION_UNDER_WAY; nothing has changed then.
    """
    if stage_of(folder) is not Stage.NONE:
        raise Refused(refuse(codes.ROTATION_UNDER_WAY))
    trust, old_key = trust_of(folder), load_key(root / _KEY)
    old = load_certificates(folder / _ROOT / _CERTIFICATE)[0]
    if old.public_key() != old_key.public_key():
        raise Refused(refuse(codes.KEY_MISMATCH, certificate=folder / _ROOT / _CERTIFICATE, key=root / _KEY))
    for half in (_ROOT, _ISSUING):  # of an attempt that broke off: nobody was told of it
        shutil.rmtree(folder / f"{half}.next", ignore_errors=True)
    safe = new_root or folder / f"{_ROOT}.next"
    refuse_existing(safe / _KEY)
    start, key, issuing_key = now - CLOCK_SKEW, make_key(), make_key()
    # A name of its own, so that whoever looks for an issuer by name finds one.
    called = f"{name} root {now:%Y-%m-%d} {key.public_key().public_numbers().x % 16**8:08x}"
    new = profiles.root(key, called, profiles.Validity(start, now + ROOT_LIFETIME))
    issuing = profiles.issuing(issuing_key.public_key(), f"{name} issuing", new, profiles.Validity(start, now + ISSUING_LIFETIME))
    by_old = profiles.vouching(new, old, profiles.Validity(start, old.not_valid_after_utc)).sign(old_key, hashes.SHA256())
    by_new = profiles.vouching(old, new, profiles.Validity(start, now + OLD_VOUCHED)).sign(key, hashes.SHA256())
    links = [*trust.links, *(each for each in (old, new) if each not in trust.links), by_old, by_new]
    write_half(safe, key, new)
    write_half(folder / f"{_ISSUING}.next", issuing_key, issuing.sign(key, hashes.SHA256()))
    write_file(folder / f"{_ROOT}.next" / _CERTIFICATE, pem_of((new,)))
    write_file(folder / LINKS_FILE, pem_of(links))
    write_file(folder / TRUSTED_FILE, pem_of((old, new)))  # from here on it has begun
    return new


def switch(folder: Path) -> x509.Certificate:
    """Let the new root's authority issue from now on; the key of the issuing authority before is destroyed.

    Returns:
        The new root.

    Raises:
        Refused: SECURITY_ROTATION_NOT_BEGUN.
    """
    if stage_of(folder) is not Stage.BEGUN:
        raise Refused(refuse(codes.ROTATION_NOT_BEGUN))
    for half in (_ROOT, _ISSUING):
        exchange(folder / half, folder / f"{half}.next", folder / f"{half}.old")
    shutil.rmtree(folder / f"{_ISSUING}.old", ignore_errors=True)
    return load_certificates(folder / _ROOT / _CERTIFICATE)[0]


def retire(folder: Path) -> x509.Certificate:
    """Trust the new root alone; the old one's folder goes, with its key if that was left there.

    Returns:
        The root that is trusted now.

    Raises:
        Refused: SECURITY_ROTATION_NOT_SWITCHED.
    """
    if stage_of(folder) is not Stage.SWITCHED:
        raise Refused(refuse(codes.ROTATION_NOT_SWITCHED))
    present = load_certificates(folder / _ROOT / _CERTIFICATE)
    write_file(folder / TRUSTED_FILE, pem_of(present))
    shutil.rmtree(folder / f"{_ROOT}.old", ignore_errors=True)
    return present[0]


def roots_of(folder: Path) -> tuple[str, str]:
    """Fingerprints of the root that goes and of the one that comes; the same one twice while there is no rotation."""
    roots = trust_of(folder).roots
    return fingerprint(roots[0]), fingerprint(roots[-1])


__all__: Final = ["Stage", "Trust", "begin", "retire", "roots_of", "stage_of", "switch"]
