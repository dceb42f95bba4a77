"""Another issuing authority under the same root, and a process that takes it up while it runs.

Everybody trusts the root and is shown the issuing certificate with each leaf, so certificates of both count side by side: nothing has to
stop, and the old ones go as they are renewed. The root's key is needed for the exchange only, and goes back into the safe.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, Protocol

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from twelve333.core.decision import Refused, refuse
from twelve333.core.identity import Identity

from ..telemetry.logs import logger
from . import codes, profiles
from .authority import CLOCK_SKEW, ISSUING_LIFETIME, TRUSTED_FILE, Authority, Issued, load_authority, trust_of, write_half
from .files import changed_at
from .keys import load_certificates, load_key, make_key
from .trust import Trust

_KEY, _CERTIFICATE, _HALF, _NEW, _OLD = "ca.key", "ca.crt", "issuing", "issuing.new", "issuing.old"
log = logger("security")


class Issuer(Protocol):
    """What issues certificates: an authority as it was read, or one that follows its files."""

    @property
    def root(self) -> x509.Certificate:
        """The certificate that everybody pins."""

    @property
    def trust(self) -> Trust:
        """What those who belong to it are to trust."""

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
        """See `Authority.issue`."""


def rotate_issuing(folder: Path, root: Path, name: str, now: datetime) -> Authority:
    """Make a new issuing authority with the root's key and put it in the place of the one in use, whose key is destroyed.

    Args:
        folder: of the authority (`issuing/` is exchanged, `root/ca.crt` must be there).
        root: folder with the root's `ca.key` and `ca.crt`, from the safe.
        name: for people who read certificates.
        now: aware UTC time.

    Raises:
        Refused: SECURITY_FILE_*, SECURITY_KEY_MISMATCH if the key is not that of the root in use; nothing has changed then.
    """
    root_key, certificate = load_key(root / _KEY), load_certificates(folder / "root" / _CERTIFICATE)[0]
    if certificate.public_key() != root_key.public_key():
        raise Refused(refuse(codes.KEY_MISMATCH, certificate=folder / "root" / _CERTIFICATE, key=root / _KEY))
    key = make_key()
    validity = profiles.Validity(now - CLOCK_SKEW, min(now + ISSUING_LIFETIME, certificate.not_valid_after_utc))
    issuing = profiles.issuing(key.public_key(), f"{name} issuing", certificate, validity).sign(root_key, hashes.SHA256())
    write_half(folder / _NEW, key, issuing)
    exchange(folder / _HALF, folder / _NEW, folder / _OLD)
    shutil.rmtree(folder / _OLD, ignore_errors=True)
    return Authority(key, issuing, certificate, trust_of(folder))


def exchange(present: Path, new: Path, old: Path) -> None:
    """Put the folder `new` in the place of `present`, which becomes `old`; one that broke off is finished by a repeat."""
    if not new.exists():
        return
    if present.exists():  # it is not there if an earlier exchange broke off between the next two steps
        shutil.rmtree(old, ignore_errors=True)
        present.rename(old)
    new.rename(present)


class FollowedAuthority:
    """The issuing half as its files are now; a file that is missing or wrong leaves the one in use that worked.

    Args:
        folder: as of `load_authority`.

    Raises:
        Refused: as `load_authority`, at start only.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stamp = self._changed_at()
        self._authority = load_authority(folder)

    @property
    def root(self) -> x509.Certificate:
        """See `Authority.root`."""
        return self._present().root

    @property
    def trust(self) -> Trust:
        """See `Authority.trust`."""
        return self._present().trust

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
        """See `Authority.issue`; by the issuing authority there is now."""
        return self._present().issue(request, identity, dns_names, lifetime, now, carries_root=carries_root)

    def _present(self) -> Authority:
        stamp = self._changed_at()
        if stamp[0] and stamp != self._stamp:
            try:
                self._authority, self._stamp = load_authority(self._folder), stamp
            except Refused as refused:
                log.warning("issuing authority not taken up", code=refused.refusal.code.name)
        return self._authority

    def _changed_at(self) -> tuple[int, int]:
        return changed_at(self._folder / _HALF / _CERTIFICATE), changed_at(self._folder / TRUSTED_FILE)


__all__: Final = ["FollowedAuthority", "Issuer", "exchange", "rotate_issuing"]
