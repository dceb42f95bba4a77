"""The gate in front of every handler: trace, limit, access, deadline, parsing, in this order.

It wraps handlers where they are registered instead of intercepting calls: an RPC that was not wrapped cannot be reached, and a
call that is refused has not been parsed.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing, asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, TypeAlias

import grpc

from ...core.decision import Refused, refuse
from ...wire import codes
from .access import Access
from .errors import Answering, timed_out
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
    """

    rpcs_max: int = 1_000
    unary: timedelta = timedelta(seconds=30)
    stream: timedelta = timedelta(minutes=15)


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
            async with self._answering(method, context):
                self._access.admit(method, context)
                raise Refused(refuse(codes.METHOD_UNKNOWN, method=method[:128]))

        return grpc.unary_unary_rpc_method_handler(answer)

    def _unary(self, rpc: _Rpc) -> Callable[..., Any]:
        limit = self._limits.stream if rpc.handler.request_streaming else self._limits.unary

        async def serve(raw: Any, context: Context) -> Any:
            async with self._answering(rpc.method, context), self._passing(rpc, context, limit):
                return await rpc.behaviour(rpc.read(raw), context)

        return serve

    def _stream(self, rpc: _Rpc) -> Callable[..., Any]:
        async def serve(raw: Any, context: Context) -> AsyncIterator[Any]:
            async with self._answering(rpc.method, context), self._passing(rpc, context, self._limits.stream):
                answers = rpc.behaviour(rpc.read(raw), context)
                async with aclosing(answers):
                    async for answer in answers:
                        yield answer

        async def write(raw: Any, context: Context) -> None:
            async with self._answering(rpc.method, context), self._passing(rpc, context, self._limits.stream):
                await rpc.behaviour(rpc.read(raw), context)

        return serve if inspect.isasyncgenfunction(rpc.behaviour) else write

    @asynccontextmanager
    async def _answering(self, method: str, context: Context) -> AsyncIterator[None]:
        """The span is outside, so that a refusal's code is put on it and a bug is quoted by its trace."""
        with server_span(method, context):
            async with Answering(method, context, self._locale):
                yield

    @asynccontextmanager
    async def _passing(self, rpc: _Rpc, context: Context, limit: timedelta) -> AsyncIterator[None]:
        with self._counted():
            self._access.admit(rpc.method, context)
            async with _deadline(context, limit):
                yield

    @contextmanager
    def _counted(self) -> Iterator[None]:
        if self._in_hand >= self._limits.rpcs_max:
            raise Refused(refuse(codes.TOO_BUSY, retry_after=BUSY_RETRY, max=self._limits.rpcs_max))
        self._in_hand += 1
        try:
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

    def read(self, raw: Any) -> Any:
        """Parse one request, or a stream of them as they come."""
        parse = self.handler.request_deserializer or bytes
        return _parsed(raw, parse) if self.handler.request_streaming else parse(raw)


async def _parsed(requests: AsyncIterator[bytes], parse: Callable[[bytes], Any]) -> AsyncIterator[Any]:
    async for raw in requests:
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
