"""The gate in front of every handler: identity, limits, trace, access, deadline, parsing, in this order.

It wraps handlers where they are registered instead of intercepting calls: an RPC that was not wrapped cannot be reached, and a
call that is refused has not been parsed; one that is refused for its number or size leaves no trace either, only a count.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, aclosing, asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, TypeAlias

import grpc

from ...core.decision import Refused, refuse
from ...core.identity import Caller
from ...wire import codes
from .access import Access
from .errors import Answering, timed_out
from .limits import Callers, Quotas, account_of
from .meters import timed
from .tracing import server_span

BUSY_RETRY: Final = timedelta(milliseconds=200)
Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"


@dataclass(frozen=True, slots=True)
class Limits:
    """What a listener bears.

    Args:
        rpcs_max: RPCs in hand at once; more are told to come back.
        unary: deadline for RPCs of one answer whose caller set none.
        stream: the same for RPCs with a stream.
        quotas: what each caller is granted; None for no limit, as where only probes call.
    """

    rpcs_max: int = 1_000
    unary: timedelta = timedelta(seconds=30)
    stream: timedelta = timedelta(minutes=15)
    quotas: Quotas | None = None


class Gate:
    """Wraps the handlers of one listener.

    Args:
        access: who may call what.
        limits: how much, how long.
        locale: for callers that wish none.
    """

    def __init__(self, access: Access, limits: Limits, locale: str) -> None:
        self._access = access
        self._limits = limits
        self._locale = locale
        self._callers = Callers(limits.quotas) if limits.quotas else None
        self._in_hand = 0

    def wrap(self, method: str, handler: grpc.RpcMethodHandler[Any, Any]) -> grpc.RpcMethodHandler[Any, Any]:
        """The handler as it is served: requests arrive unparsed and pass the gate first."""
        rpc = _Rpc(method, handler)
        serializer = handler.response_serializer
        if handler.response_streaming:
            make = grpc.stream_stream_rpc_method_handler if handler.request_streaming else grpc.unary_stream_rpc_method_handler
            return make(self._stream(rpc), None, serializer)
        make_one = grpc.stream_unary_rpc_method_handler if handler.request_streaming else grpc.unary_unary_rpc_method_handler
        return make_one(self._unary(rpc), None, serializer)

    def refuse_unknown(self, method: str) -> grpc.RpcMethodHandler[Any, Any]:
        """What answers an RPC that nobody registered: who is not known is told so, others that it does not exist."""

        async def answer(raw: bytes, context: Context) -> None:
            if await self._admitted(method, context, len(raw)) is None:
                return
            async with self._answering(method, context):
                raise Refused(refuse(codes.METHOD_UNKNOWN, method=method[:128]))

        return grpc.unary_unary_rpc_method_handler(answer)

    def _unary(self, rpc: _Rpc) -> Callable[..., Any]:
        limit = self._limits.stream if rpc.handler.request_streaming else self._limits.unary

        async def serve(raw: Any, context: Context) -> Any:
            if (caller := await self._admitted(rpc.method, context, rpc.size(raw))) is None:
                return None
            async with self._answering(rpc.method, context), self._passing(rpc, context, caller, limit):
                return await rpc.behaviour(rpc.read(raw, self._limits.quotas), context)

        return serve

    def _stream(self, rpc: _Rpc) -> Callable[..., Any]:
        async def serve(raw: Any, context: Context) -> AsyncIterator[Any]:
            if (caller := await self._admitted(rpc.method, context, rpc.size(raw))) is None:
                return
            async with self._answering(rpc.method, context), self._passing(rpc, context, caller, self._limits.stream):
                answers = rpc.behaviour(rpc.read(raw, self._limits.quotas), context)
                async with aclosing(answers):
                    async for answer in answers:
                        yield answer

        async def write(raw: Any, context: Context) -> None:
            if (caller := await self._admitted(rpc.method, context, rpc.size(raw))) is None:
                return
            async with self._answering(rpc.method, context), self._passing(rpc, context, caller, self._limits.stream):
                await rpc.behaviour(rpc.read(raw, self._limits.quotas), context)

        return serve if inspect.isasyncgenfunction(rpc.behaviour) else write

    async def _admitted(self, method: str, context: Context, request_bytes: int) -> Caller | None:
        """Who calls, once the limits let it; None if it has been refused: a flood ends here, at the least that it can cost."""
        async with Answering(method, context, self._locale):
            caller = self._access.identify(context)
            if self._callers:
                await self._callers.charge(method, caller, context, request_bytes)
            return caller
        return None

    @asynccontextmanager
    async def _answering(self, method: str, context: Context) -> AsyncIterator[None]:
        """The span is outside, so that a refusal's code is put on it and a bug is quoted by its trace."""
        with server_span(method, context):
            async with Answering(method, context, self._locale):
                yield

    @asynccontextmanager
    async def _passing(self, rpc: _Rpc, context: Context, caller: Caller, limit: timedelta) -> AsyncIterator[None]:
        with ExitStack() as held:
            if self._callers:
                held.enter_context(self._callers.in_hand(account_of(caller, context)))
            held.enter_context(self._counted(rpc.method))
            self._access.allow(rpc.method, caller)
            async with _deadline(context, limit):
                yield

    @contextmanager
    def _counted(self, method: str) -> Iterator[None]:
        if self._in_hand >= self._limits.rpcs_max:
            raise Refused(refuse(codes.TOO_BUSY, retry_after=BUSY_RETRY, max=self._limits.rpcs_max))
        self._in_hand += 1
        try:
            with timed(method):
                yield
        finally:
            self._in_hand -= 1


class _Rpc:
    """One RPC: its name, what handles it, how its request is read."""

    __slots__ = ("behaviour", "handler", "method")

    def __init__(self, method: str, handler: grpc.RpcMethodHandler[Any, Any]) -> None:
        self.method = method
        self.handler = handler
        shapes = (handler.unary_unary, handler.unary_stream, handler.stream_unary, handler.stream_stream)
        self.behaviour: Callable[..., Any] = next(behaviour for behaviour in shapes if behaviour is not None)

    def size(self, raw: Any) -> int:
        """Bytes of a single request; 0 for a stream, which is counted as it comes."""
        return 0 if self.handler.request_streaming else len(raw)

    def read(self, raw: Any, quotas: Quotas | None) -> Any:
        """Parse one request, or a stream of them as they come and while they stay within `quotas`."""
        parse = self.handler.request_deserializer or bytes
        if not self.handler.request_streaming:
            return parse(raw)
        return self._parsed(raw, parse, quotas.upload_bytes_max if quotas else None)

    async def _parsed(self, requests: AsyncIterator[bytes], parse: Callable[[bytes], Any], most: int | None) -> AsyncIterator[Any]:
        size = 0
        async for raw in requests:
            size += len(raw)
            if most is not None and size > most:
                raise Refused(refuse(codes.REQUEST_TOO_LARGE, method=self.method, max=most))
            yield parse(raw)


@asynccontextmanager
async def _deadline(context: Context, limit: timedelta) -> AsyncIterator[None]:
    """gRPC ends the call at the caller's deadline; we set one for a caller that has none."""
    if context.time_remaining() is not None:
        yield
        return
    timeout = asyncio.timeout(limit.total_seconds())
    try:
        async with timeout:
            yield
    except TimeoutError as error:
        if timeout.expired():
            raise timed_out(limit) from error
        raise
