"""How an RPC ends when it does not end well: refusals as rich status, bugs as a number to quote, nothing else.

What went wrong inside never leaves the process: the caller gets the trace id, the log gets the exception.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from types import TracebackType
from typing import Any, Final

import grpc
from google.protobuf.message import DecodeError

from ...core.decision import Refusal, Refused, refuse
from ...wire import codes
from ...wire.status import DETAILS_KEY, LOCALE_KEY, parse_details, to_status
from ..telemetry.logs import logger
from .meters import count_refused
from .tracing import mark_refused, trace_number

_log = logger("rpc")
PEER_RETRY: Final = timedelta(seconds=1)
_AWAY: Final = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)
_STATUS: Final = {status.value[0]: status for status in grpc.StatusCode}


class Answering:
    """Around the serving of one RPC: turns what is raised into the answer, and raises nothing itself.

    gRPC's own `abort` raises an exception that the call keeps: a circle that holds the call, its request and ten frames until garbage is
    collected, and a flood of those stopped the loop for 5 to 15 ms at a time.

    Args:
        method: for the log.
        context: whose RPC is answered.
        locale: for callers that wish none.
    """

    __slots__ = ("_context", "_locale", "_method")

    def __init__(self, method: str, context: grpc.aio.ServicerContext[Any, Any], locale: str) -> None:
        self._method = method
        self._context = context
        self._locale = locale

    async def __aenter__(self) -> None:
        """Nothing to prepare."""

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> bool:
        """Answer a refusal or a bug, then what is around it returns nothing; let cancellation and what gRPC itself raises pass."""
        if not isinstance(error, Exception) or isinstance(error, grpc.aio.AbortError | asyncio.CancelledError | StopAsyncIteration):
            return False
        refusal = self._refusal(error)
        mark_refused(refusal.code.name)
        count_refused(refusal.code.name)
        answer(self._context, refusal, self._locale)
        return True

    def _refusal(self, error: Exception) -> Refusal:
        if isinstance(error, Refused):
            return error.refusal
        if isinstance(error, DecodeError):
            return refuse(codes.REQUEST_MALFORMED, method=self._method)
        if isinstance(error, grpc.aio.AioRpcError) and (told := told_by_peer(error)):
            return told
        number = trace_number()
        _log.error("bug in a handler", method=self._method, reason=number, exc_info=error)
        return refuse(codes.INTERNAL, trace=number)


def told_by_peer(error: grpc.aio.AioRpcError) -> Refusal | None:
    """What another member refused while we asked it for our caller: passed on as it is; its absence is said as such."""
    details = next((value for key, value in error.trailing_metadata() or () if key == DETAILS_KEY), b"")
    problem = parse_details(bytes(details), "en") if isinstance(details, bytes) else None
    if problem:
        return problem.refusal
    return refuse(codes.PEER_AWAY, retry_after=PEER_RETRY) if error.code() in _AWAY else None


def answer(context: grpc.aio.ServicerContext[Any, Any], refusal: Refusal, locale: str) -> None:
    """Let the RPC end with the rich status of `refusal`, in the language the caller wishes, else in `locale`."""
    status = to_status(refusal, wished_locale(context) or locale)
    context.set_code(_STATUS[status.code])
    context.set_details(status.message)
    context.set_trailing_metadata(((DETAILS_KEY, status.SerializeToString()),))


def wished_locale(context: grpc.aio.ServicerContext[Any, Any]) -> str:
    """The caller's `accept-language`, empty if it has none."""
    return next((str(value) for key, value in context.invocation_metadata() or () if key == LOCALE_KEY), "")


def timed_out(limit: timedelta) -> Refused:
    """The deadline that we set for a caller without one has passed."""
    return Refused(refuse(codes.TIMED_OUT, seconds=f"{limit.total_seconds():g}"))
