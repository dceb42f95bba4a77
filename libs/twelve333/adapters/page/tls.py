"""TLS of the page, and who is at the other end: the certificate that a desk shows to its node in any other way, shown by a browser."""

from __future__ import annotations

import logging
import ssl
from pathlib import Path

from cryptography import x509

from ...core.decision import Refused, refuse
from ...core.identity import Caller, Identity
from ...wire import codes
from ..rpc.access import Access, Shown
from ..signing.files import changed_at
from ..signing.keys import CHAIN_FILE, KEY_FILE, ROOT_FILE, certificate_identity, fingerprint_of, load_material, serial_of

_log = logging.getLogger("twelve333.page")


class FollowedContext:
    """The TLS context of a listener, made anew when its files change: a renewed certificate needs no restart.

    Args:
        folder: `tls.key`, `tls.crt`, `ca.crt`.

    Raises:
        Refused: SECURITY_FILE_*, SECURITY_KEY_MISMATCH, SECURITY_CHAIN_MISMATCH, at start; later what worked stays in use.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stamp = self._changed_at()
        self._made = self._make()
        self.context = self._make()  # only opens each handshake, and hands it to the one in use
        self.context.sni_callback = self._hand_over

    def _hand_over(self, handshake: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
        """Go on with the present files."""
        stamp = self._changed_at()
        if stamp != self._stamp:
            try:
                self._made, self._stamp = self._make(), stamp
            except (Refused, ssl.SSLError) as error:  # half written: look again at the next handshake
                _log.warning("certificate of the page not renewed kind=%s", type(error).__name__)
        handshake.context = self._made

    def _make(self) -> ssl.SSLContext:
        load_material(self._folder)
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(self._folder / ROOT_FILE))
        context.load_cert_chain(self._folder / CHAIN_FILE, self._folder / KEY_FILE)
        context.verify_mode = ssl.CERT_REQUIRED
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        return context

    def _changed_at(self) -> tuple[int, int]:
        return changed_at(self._folder / CHAIN_FILE), changed_at(self._folder / ROOT_FILE)


def caller_of(certificate: bytes | None, access: Access) -> Caller:
    """Who shows this certificate (DER); its chain has been checked by the handshake.

    Raises:
        Refused: RPC_CALLER_UNKNOWN, RPC_CALLER_FOREIGN, or what the listener's admission says.
    """
    if certificate is None:
        raise Refused(refuse(codes.CALLER_UNKNOWN))
    shown = x509.load_der_x509_certificate(certificate)
    identity = certificate_identity(shown)
    if not isinstance(identity, Identity):
        raise Refused(refuse(codes.CALLER_UNKNOWN))
    if identity.trust_domain != access.domain:
        raise Refused(refuse(codes.CALLER_FOREIGN, identity=identity.uri, domain=access.domain))
    if access.admission and (refusal := access.admission(identity.caller, Shown(serial_of(shown), fingerprint_of(shown.public_key())))):
        raise Refused(refusal)
    return identity.caller
