"""Trace context across gRPC: callers put it into metadata, listeners continue it. Without an SDK this costs next to nothing.

Source: W3C Trace Context; OpenTelemetry semantic conventions for RPC.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterable, Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, Final

import grpc
from opentelemetry import propagate, trace

_TRACER: Final = trace.get_tracer("twelve333.rpc")
Metadata = tuple[tuple[str, str | bytes], ...]


def tracing_is_on() -> bool:
    """Whether an SDK has been set up in this process."""
    return not isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider)


def trace_metadata() -> Metadata:
    """The metadata that carries the present trace, empty when there is none."""
    if not trace.get_current_span().get_span_context().is_valid:
        return ()
    carrier: dict[str, str] = {}
    propagate.inject(carrier)
    return tuple(carrier.items())


def server_span(method: str, context: grpc.aio.ServicerContext[Any, Any]) -> AbstractContextManager[object]:
    """A span around the serving of one RPC, child of the caller's.

    Args:
        method: `/package.Service/Method`.
        context: whose metadata may carry the caller's trace.
    """
    return _span(method, context) if tracing_is_on() else nullcontext()


def trace_number() -> str:
    """The id of the present trace, or a random one, for a person to quote: 32 hexadecimal digits."""
    context = trace.get_current_span().get_span_context()
    return format(context.trace_id, "032x") if context.is_valid else secrets.token_hex(16)


def mark_refused(code: str) -> None:
    """Put the refusal's code onto the present span."""
    trace.get_current_span().set_attribute("twelve333.code", code)


@contextmanager
def _span(method: str, context: grpc.aio.ServicerContext[Any, Any]) -> Iterator[None]:
    carrier = {key: value for key, value in context.invocation_metadata() or () if isinstance(value, str)}
    service, _, name = method.lstrip("/").partition("/")
    attributes = {"rpc.system": "grpc", "rpc.service": service, "rpc.method": name}
    with _TRACER.start_as_current_span(
        method.lstrip("/"),
        propagate.extract(carrier),
        trace.SpanKind.SERVER,
        attributes,
        record_exception=False,
        set_status_on_exception=False,
    ):
        yield


def _traced(details: grpc.aio.ClientCallDetails) -> grpc.aio.ClientCallDetails:
    added = trace_metadata()
    if not added:
        return details
    metadata = grpc.aio.Metadata(*(details.metadata or ()), *added)
    return grpc.aio.ClientCallDetails(details.method, details.timeout, metadata, details.credentials, details.wait_for_ready)


class _UnaryUnary(grpc.aio.UnaryUnaryClientInterceptor):
    async def intercept_unary_unary(
        self, continuation: Callable[..., Any], client_call_details: grpc.aio.ClientCallDetails, request: Any
    ) -> Any:
        return await continuation(_traced(client_call_details), request)


class _UnaryStream(grpc.aio.UnaryStreamClientInterceptor):
    async def intercept_unary_stream(
        self, continuation: Callable[..., Any], client_call_details: grpc.aio.ClientCallDetails, request: Any
    ) -> Any:
        return await continuation(_traced(client_call_details), request)


class _StreamUnary(grpc.aio.StreamUnaryClientInterceptor):
    async def intercept_stream_unary(
        self,
        continuation: Callable[..., Any],
        client_call_details: grpc.aio.ClientCallDetails,
        request_iterator: AsyncIterable[Any] | Iterable[Any],
    ) -> Any:
        return await continuation(_traced(client_call_details), request_iterator)


def trace_interceptors() -> tuple[grpc.aio.ClientInterceptor, ...]:
    """For channels used through plain stubs; `Calls` of the SDK carries the trace itself. None without traces: they cost a task a call."""
    return (_UnaryUnary(), _UnaryStream(), _StreamUnary()) if tracing_is_on() else ()
