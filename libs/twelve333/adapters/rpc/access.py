"""Who may do what: one table per service, consulted before a request is even parsed.

The caller is whom the TLS certificate proves, in the trust domain that the listener serves; nothing in the request can change
that. An RPC without a row does not exist for anybody, and a service that offers one does not start.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import grpc
from cryptography import x509

from ...core.decision import Refusal, Refused, refuse
from ...core.identity import ANYONE, Caller, Identity, Role, parse_identity
from ...wire import codes
from ..signing.keys import fingerprint_of, serial_of

AccessTable = Mapping[str, frozenset[Role]]


@dataclass(frozen=True, slots=True)
class Shown:
    """The certificate that a caller showed.

    Args:
        serial: lower-case hexadecimal.
        key_fingerprint: SHA-256 (hex) of its public key.
    """

    serial: str
    key_fingerprint: str


# Says no to a caller that the certificate alone would admit, e.g. one whose key is revoked.
Admission = Callable[[Caller, Shown], Refusal | None]

AUTHENTICATED: Final = frozenset(Role) - {Role.ANYONE, Role.BROKER}

_caller: ContextVar[Caller] = ContextVar("twelve333_caller")


def current_caller() -> Caller:
    """Who made the RPC that is being handled.

    Raises:
        LookupError: outside of a handler.
    """
    return _caller.get()


@dataclass(frozen=True, slots=True)
class Access:
    """The rules of one listener.

    Args:
        table: full method name to the roles that may call it.
        domain: trust domain that callers must belong to; None where callers show no certificate and all are `ANYONE`.
        admission: a further check of each call, cheap and without waiting.
    """

    table: AccessTable
    domain: str | None
    admission: Admission | None = None

    def allow(self, method: str, caller: Caller) -> None:
        """Check that `caller` may call `method`, and make it `current_caller()`.

        Raises:
            Refused: RPC_METHOD_UNKNOWN, RPC_ROLE_DENIED.
        """
        roles = self.table.get(method)
        if roles is None:
            raise Refused(refuse(codes.METHOD_UNKNOWN, method=method[:128]))
        if caller.role not in roles:
            raise Refused(
                refuse(codes.ROLE_DENIED, role=caller.role.value, method=method, roles=", ".join(sorted(role.value for role in roles)))
            )
        _caller.set(caller)

    def identify(self, context: grpc.aio.ServicerContext[Any, Any]) -> Caller:
        """Who calls, as the certificate proves.

        Raises:
            Refused: RPC_CALLER_UNKNOWN, RPC_CALLER_FOREIGN, or what `admission` says.
        """
        if self.domain is None:
            return ANYONE
        shown = context.auth_context()
        identity = _identity(_first(shown, "peer_spiffe_id"))
        if identity is None:
            raise Refused(refuse(codes.CALLER_UNKNOWN))
        if identity.trust_domain != self.domain:
            raise Refused(refuse(codes.CALLER_FOREIGN, identity=identity.uri, domain=self.domain))
        if self.admission and (refusal := self.admission(identity.caller, _shown(_first(shown, "x509_pem_cert")))):
            raise Refused(refusal)
        return identity.caller


def _first(shown: Mapping[str, Any], key: str) -> bytes:
    values = shown.get(key) or (b"",)
    return bytes(values[0])


@lru_cache(maxsize=4096)
def _identity(uri: bytes) -> Identity | None:
    identity = parse_identity(uri.decode("ascii", errors="replace"))
    return identity if isinstance(identity, Identity) else None


@lru_cache(maxsize=4096)
def _shown(pem: bytes) -> Shown:
    certificate = x509.load_pem_x509_certificate(pem)
    return Shown(serial_of(certificate), fingerprint_of(certificate.public_key()))
