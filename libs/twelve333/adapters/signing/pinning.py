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
from .profiles import LINKS_OID, ROOT_OID
from .trust import CERTIFICATES_MAX, Trust, fingerprint, pem_of, reach

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
    wanted = _parse_pin(pin)
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
    leaf = _peer_certificate(address, timeout_s)
    try:
        links = x509.load_pem_x509_certificates(pem) if (pem := _carried(leaf, LINKS_OID)) else []
        root = x509.load_der_x509_certificate(der) if (der := _carried(leaf, ROOT_OID)) else None
    except ValueError:
        return Trust()
    return Trust((root,) if root else (), tuple(links[:CERTIFICATES_MAX]))


def _parse_pin(pin: str) -> str:
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
    except (ValueError, x509.ExtensionNotFound):
        return None
    return value.value if isinstance(value, x509.UnrecognizedExtension) else None
