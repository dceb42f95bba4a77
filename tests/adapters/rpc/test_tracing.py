"""One trace follows a call from caller to handler; without an SDK nothing is done."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

import grpc
import pytest
from google.protobuf.wrappers_pb2 import StringValue
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from tests.support.members import SERVICE, Echo, EchoStub

from twelve333.adapters.rpc import tracing
from twelve333.adapters.rpc.server import Listener, build_server
from twelve333.client.errors import raising_service_errors
from twelve333.core.identity import Role

TABLE = {f"/{SERVICE}/{name}": frozenset({Role.ANYONE}) for name in ("Ask", "Watch", "Send", "Talk")}
HELLO = StringValue(value="hello")
SECONDS = 10.0


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    """Finished spans of this test, without touching the provider of the process."""
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(tracing, "_TRACER", provider.get_tracer("test"))
    monkeypatch.setattr(tracing, "tracing_is_on", lambda: True)
    yield exporter
    provider.shutdown()


@pytest.fixture
async def address() -> AsyncIterator[str]:
    server = build_server(Listener("127.0.0.1:0", None, None), [Echo().register], TABLE)
    await server.start()
    yield server.address
    await server.stop(0)


def _channel(address: str) -> grpc.aio.Channel:
    return grpc.aio.insecure_channel(address, interceptors=list(tracing.trace_interceptors()))


async def _all_shapes(stub: EchoStub) -> None:
    await stub.Ask(HELLO, timeout=SECONDS)
    assert [item async for item in stub.Watch(HELLO, timeout=SECONDS)]
    await stub.Send(iter([HELLO]), timeout=SECONDS)


async def _finished(spans: InMemorySpanExporter, count: int) -> Sequence[ReadableSpan]:
    """All spans, once there are `count`: a handler's span ends after its answer has left."""
    async with asyncio.timeout(SECONDS):
        while len(spans.get_finished_spans()) < count:
            await asyncio.sleep(0)
    return spans.get_finished_spans()


async def test_one_trace_spans_caller_and_handler(address: str, spans: InMemorySpanExporter) -> None:
    async with _channel(address) as channel:
        with tracing._TRACER.start_as_current_span("caller") as caller:
            await _all_shapes(EchoStub(channel))
    served = [span for span in await _finished(spans, 4) if span.kind is trace.SpanKind.SERVER]
    assert {span.name for span in served} == {f"{SERVICE}/{name}" for name in ("Ask", "Watch", "Send")}
    assert {_parent(span) for span in served} == {caller.get_span_context().span_id}


async def test_a_refusal_puts_its_code_on_the_span_and_nothing_that_was_said(address: str, spans: InMemorySpanExporter) -> None:
    async with _channel(address) as channel:
        with pytest.raises(Exception, match="COMMON_UNIT_CODE_MALFORMED"), raising_service_errors():
            await EchoStub(channel).Ask(StringValue(value="refuse"), timeout=SECONDS)
    (span,) = await _finished(spans, 1)
    assert dict(span.attributes or {}) == {
        "rpc.system": "grpc",
        "rpc.service": SERVICE,
        "rpc.method": "Ask",
        "twelve333.code": "COMMON_UNIT_CODE_MALFORMED",
    }
    assert span.events == ()


async def test_without_an_sdk_no_metadata_is_added_and_no_span_made(address: str) -> None:
    assert tracing.trace_metadata() == ()
    async with _channel(address) as channel:
        await _all_shapes(EchoStub(channel))


def _parent(span: Any) -> int | None:
    return span.parent.span_id if span.parent else None
