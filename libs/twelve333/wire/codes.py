"""Refusals that belong to talking itself, whatever is talked about; servers send them, clients name them."""

from __future__ import annotations

from typing import Final

from twelve333.core.decision import Code, Kind

INTERNAL: Final = Code("COMMON_INTERNAL", Kind.PEER_VIOLATION)  # a bug over there: our request was not at fault
PAGE_TOO_LARGE: Final = Code("COMMON_PAGE_TOO_LARGE", Kind.INVALID)

REQUEST_MALFORMED: Final = Code("RPC_REQUEST_MALFORMED", Kind.INVALID)
METHOD_UNKNOWN: Final = Code("RPC_METHOD_UNKNOWN", Kind.INVALID)
CALLER_UNKNOWN: Final = Code("RPC_CALLER_UNKNOWN", Kind.UNAUTHENTICATED)
CALLER_FOREIGN: Final = Code("RPC_CALLER_FOREIGN", Kind.UNAUTHENTICATED)
CALLER_REVOKED: Final = Code("RPC_CALLER_REVOKED", Kind.UNAUTHENTICATED)
HOLDER_REVOKED: Final = Code("RPC_HOLDER_REVOKED", Kind.UNAUTHENTICATED)
ROLE_DENIED: Final = Code("RPC_ROLE_DENIED", Kind.DENIED)
TOO_BUSY: Final = Code("RPC_TOO_BUSY", Kind.EXHAUSTED)
RATE_EXCEEDED: Final = Code("RPC_RATE_EXCEEDED", Kind.EXHAUSTED)
CALLER_BUSY: Final = Code("RPC_CALLER_BUSY", Kind.EXHAUSTED)
REQUEST_TOO_LARGE: Final = Code("RPC_REQUEST_TOO_LARGE", Kind.EXHAUSTED)  # no time to come back: less can help, later cannot
TIMED_OUT: Final = Code("RPC_TIMED_OUT", Kind.TIMED_OUT)
STOPPING: Final = Code("RPC_STOPPING", Kind.UNAVAILABLE)
PEER_AWAY: Final = Code("RPC_PEER_AWAY", Kind.UNAVAILABLE)
ADDRESS_IN_USE: Final = Code("RPC_ADDRESS_IN_USE", Kind.CONFLICT)

UNREACHABLE: Final = Code("RPC_UNREACHABLE", Kind.UNAVAILABLE)
NOT_TRUSTED: Final = Code("RPC_NOT_TRUSTED", Kind.UNAUTHENTICATED)
NO_ANSWER: Final = Code("RPC_NO_ANSWER", Kind.TIMED_OUT)
UNEXPECTED: Final = Code("RPC_UNEXPECTED", Kind.PEER_VIOLATION)
