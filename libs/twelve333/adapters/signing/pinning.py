"""Trust on joining: find the federation's root through the enrolment listener and believe it only if its hash is the pin.

A joining node has an address and a pin, no certificate yet. The enrolment listener's certificate carries the root inside;
this module reads it over a connection it does not trust, compares the hash, and only then anything is sent, over a second
connection that is checked against that root in full. Someone in between can therefore delay a join, never receive a token.
"""

from __future__ import annotations

import hmac
import re
import socket
import ssl
from datetime import datetime
from typing import Final

from cryptography import x509

from twelve333.core.decision import Refused, refuse
from twelve333.core.identity import dns_name
from twelve333.core.ids import HUB

from . import codes
from .profiles import LINKS_OID, ROOT_OID, UNREADABLE
from .trust import Trust, fingerprint, from_der, pem_of, reach, to_der

CONNECT_TIMEOUT_S: Final = 5.0
_PIN = re.compile(r"sha256:([0-9a-f]{64})")


def fetch_root(address: str, pin: str, now: datetime, timeout_s: float = CONNECT_TIMEOUT_S) -> bytes:
    """Return the federation's root (PEM), proved by `pin`. Blocks: run it in a thread from async code.

    The pin of an earlier root will do as well if that one has vouched for the present one: a token that was made before the root was
    exchanged stays good.

    Args:
        address: `host:port` of the enrolment listener.
        pin: `sha256:<64 hex digits>`.
        now: aware UTC time.
        timeout_s: for connecting and for each read, in seconds.

    Raises:
        Refused: SECURITY_PIN_MALFORMED, SECURITY_HUB_UNREACHABLE, SECURITY_PIN_MISMATCH.
    """
    wanted = parse_pin(pin)
    told = fetch_trust(address, timeout_s)
    pinned = [each for each in (*told.roots, *told.links) if hmac.compare_digest(fingerprint(each), wanted)]
    if not told.roots or told.roots[-1] not in reach(pinned, [*told.roots, *told.links], now):
        raise Refused(refuse(codes.PIN_MISMATCH, address=address, pin=pin))
    return pem_of(told.roots)


def fetch_trust(address: str, timeout_s: float = CONNECT_TIMEOUT_S) -> Trust:
    """Return what the enrolment listener shows: its root, and how earlier roots vouch for it; nothing of it is proved. Blocks.

    Args:
        address: `host:port`.
        timeout_s: as of `fetch_root`.

    Raises:
        Refused: SECURITY_HUB_UNREACHABLE.
    """
    return carried_trust(_peer_certificate(address, timeout_s))


def carried_trust(leaf: bytes) -> Trust:
    """The root and the links inside a certificate (DER) that nobody has vouched for yet; none where they cannot be read."""
    try:
        links = x509.load_pem_x509_certificates(pem) if (pem := _carried(leaf, LINKS_OID)) else []
    except UNREADABLE:
        return Trust()
    return Trust(from_der([_carried(leaf, ROOT_OID) or b""]), from_der(to_der(links)))


def parse_pin(pin: str) -> str:
    """The 64 digits of a pin; raises Refused: SECURITY_PIN_MALFORMED."""
    match = _PIN.fullmatch(pin.strip().lower())
    if not match:
        raise Refused(refuse(codes.PIN_MALFORMED, pin=pin[:80]))
    return match.group(1)


def _peer_certificate(address: str, timeout_s: float) -> bytes:
    """The leaf (DER) that the listener shows; not trusted, nothing is sent to it."""
    host, _, port = address.rpartition(":")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    try:
        plain = socket.create_connection((host.strip("[]"), int(port)), timeout=timeout_s)
        with plain, context.wrap_socket(plain, server_hostname=dns_name(HUB)) as tls:
            return tls.getpeercert(binary_form=True) or b""
    except (OSError, ValueError) as error:
        raise Refused(refuse(codes.HUB_UNREACHABLE, address=address)) from error


def _carried(leaf: bytes, extension: x509.ObjectIdentifier) -> bytes | None:
    try:
        value = x509.load_der_x509_certificate(leaf).extensions.get_extension_for_oid(extension).value
    except (*UNREADABLE, x509.ExtensionNotFound):
        return None
    return value.value if isinstance(value, x509.UnrecognizedExtension) else None
