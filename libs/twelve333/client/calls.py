"""How the SDK makes a call: always with a deadline, again only when that can help, never in step with others.

Every RPC may be repeated because ids come from the asker. Retried are refusals of kind UNAVAILABLE, and EXHAUSTED when the service
said when; everything else is the caller's turn. Pauses are exponential with full jitter.
Source: AWS Architecture Blog, "Exponential Backoff and Jitter" (full jitter).
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, replace
from typing import TypeVar, cast

import grpc

from ..adapters.rpc.tracing import trace_metadata
from ..core.decision import Kind
from ..wire.status import LOCALE_KEY
from .errors import ServiceError, Target, service_error

Q = TypeVar("Q")
A = TypeVar("A")


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and how patiently.

    Args:
        attempts_max: calls made at most, the first included.
        pause_first: upper bound of the first pause, in seconds; doubles each time.
        pause_most: upper bound of any pause, in seconds.
    """

    attempts_max: int = 4
    pause_first: float = 0.1
    pause_most: float = 2.0

    def pause(self, attempt: int, chance: float) -> float:
        """Seconds to wait after `attempt` (from 1) failed; `chance` is uniform in [0, 1)."""
        return min(self.pause_most, self.pause_first * 2.0 ** (attempt - 1)) * chance


class Calls:
    """What typed clients call through.

    Args:
        channel: to the service; typed clients make their stubs from it.
        target: whom we talk to; its `seconds` is the deadline of a call that names none.
        retry: how failed calls are repeated.
        pause: waits that many seconds.
    """

    def __init__(
        self,
        channel: grpc.aio.Channel,
        target: Target,
        retry: RetryPolicy | None = None,
        pause: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self.channel = channel
        self._target = target
        self._retry = retry or RetryPolicy()
        self._pause = pause

    async def unary(self, method: grpc.aio.UnaryUnaryMultiCallable[Q, A], request: Q, *, timeout: float | None = None) -> A:
        """Ask once, answer once.

        Args:
            method: of a stub made from `channel`.
            request: with ids made by the asker, so that a repeat is the same request.
            timeout: seconds for everything, repeats and pauses included.

        Raises:
            ServiceError: refused, or not reachable in time.
        """
        deadline = self._deadline(timeout)

        async def attempt() -> A:
            return await method(request, timeout=deadline.left(), metadata=self._metadata())

        return await self._repeated(attempt, deadline)

    async def stream(
        self, method: grpc.aio.UnaryStreamMultiCallable[Q, A], request: Q, *, timeout: float = 900.0
    ) -> AsyncGenerator[A, None]:
        """Ask once, answers as they come; repeated only while no answer has come.

        Args:
            method, request: as `unary`.
            timeout: seconds for the whole stream.

        Raises:
            ServiceError: as `unary`; also in the middle of the stream.
        """
        deadline = self._deadline(timeout)

        async def first() -> tuple[grpc.aio.UnaryStreamCall[Q, A], A | None]:
            call = method(request, timeout=deadline.left(), metadata=self._metadata())
            return call, await _read(call)

        call, item = await self._repeated(first, deadline)
        try:
            while item is not None:
                yield item
                item = await _read(call)
        except grpc.aio.AioRpcError as error:
            raise service_error(error, deadline.target) from error
        finally:
            call.cancel()

    async def upload(
        self, method: grpc.aio.StreamUnaryMultiCallable[Q, A], requests: AsyncIterator[Q] | Iterator[Q], *, timeout: float = 900.0
    ) -> A:
        """Send a stream, answer once; never repeated, because a stream cannot be read twice.

        Raises:
            ServiceError: as `unary`.
        """
        deadline = self._deadline(timeout)
        try:
            return await method(requests, timeout=deadline.left(), metadata=self._metadata())
        except grpc.aio.AioRpcError as error:
            raise service_error(error, deadline.target) from error

    async def _repeated(self, attempt: Callable[[], Awaitable[A]], deadline: _Deadline) -> A:
        for number in range(1, self._retry.attempts_max + 1):
            try:
                return await attempt()
            except grpc.aio.AioRpcError as error:
                failed = service_error(error, deadline.target)
                pause = self._pause_after(failed, number)
                if pause is None or pause >= deadline.left():
                    raise failed from error
                await self._pause(pause)
        raise AssertionError("the last attempt returns or raises")

    def _pause_after(self, failed: ServiceError, number: int) -> float | None:
        """Seconds to wait before the next attempt, None if there is none."""
        asked = failed.retry_after.total_seconds() if failed.retry_after else 0.0
        worth = failed.kind is Kind.UNAVAILABLE or (failed.kind is Kind.EXHAUSTED and failed.retry_after is not None)
        if not worth or number >= self._retry.attempts_max:
            return None
        return asked + self._retry.pause(number, random.random())

    def _metadata(self) -> grpc.aio.Metadata:
        return grpc.aio.Metadata((LOCALE_KEY, self._target.locale), *trace_metadata())

    def _deadline(self, timeout: float | None) -> _Deadline:
        seconds = self._target.seconds if timeout is None else timeout
        return _Deadline(replace(self._target, seconds=seconds), asyncio.get_running_loop().time() + seconds)


@dataclass(frozen=True, slots=True)
class _Deadline:
    target: Target
    at: float  # of the loop's clock

    def left(self) -> float:
        """Seconds left, at least a little: gRPC answers DEADLINE_EXCEEDED itself."""
        return max(0.001, self.at - asyncio.get_running_loop().time())


async def _read(call: grpc.aio.UnaryStreamCall[Q, A]) -> A | None:
    """The next answer, None at the end."""
    item = await call.read()
    return None if item is grpc.aio.EOF else cast("A", item)
