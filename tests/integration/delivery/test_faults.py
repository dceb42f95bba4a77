"""Delivery under a link that repeats, reorders and swallows, and under a database that is away."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from tests.support.broker import TestBroker
from twelve333.adapters.bus.nats import NatsBus, NatsSettings
from twelve333.adapters.bus.port import Incoming
from twelve333.adapters.bus.tls import member_tls
from twelve333.adapters.relay import lines
from twelve333.core.decision import Refused, refuse
from twelve333.core.delivery.codes import STORE_UNAVAILABLE
from twelve333.core.delivery.model import WINDOW_EVENTS_MAX

from .conftest import Member, until

Members = dict[str, Member]


async def test_repeated_and_reordered_events_have_one_effect_in_order(members: Members, monkeypatch: pytest.MonkeyPatch) -> None:
    draw = random.Random(12333)
    fetch = NatsBus.fetch

    async def disturbed(bus: NatsBus, limit: int, wait_s: float) -> list[Incoming]:
        came = await fetch(bus, limit, wait_s)
        mixed = [*came, *draw.sample(came, len(came) // 3)]
        draw.shuffle(mixed)
        return mixed

    monkeypatch.setattr(NatsBus, "fetch", disturbed)
    monkeypatch.setattr(lines, "REWIND_PAUSE_S", 0.01)
    await members["320000"].tell("310000", range(40))
    await members["320000"].until_confirmed()
    assert await members["310000"].numbers("320000") == list(range(40))


async def test_events_swallowed_by_the_broker_are_sent_again(members: Members, monkeypatch: pytest.MonkeyPatch) -> None:
    draw = random.Random(7)
    publish = NatsBus.publish

    async def leaky(bus: NatsBus, messages: Sequence[tuple[str, bytes]]) -> None:
        await publish(bus, [message for message in messages if draw.random() > 0.3])

    monkeypatch.setattr(NatsBus, "publish", leaky)
    monkeypatch.setattr(lines, "REWIND_PAUSE_S", 0.01)
    monkeypatch.setattr(lines, "CONFIRM_BASE", timedelta(milliseconds=100))
    await members["320000"].tell("310000", range(40))
    await members["320000"].until_confirmed()
    assert await members["310000"].numbers("320000") == list(range(40))


async def test_a_receiver_whose_database_is_away_applies_later(members: Members, monkeypatch: pytest.MonkeyPatch) -> None:
    receiver = members["310000"]
    refused = 0
    write = receiver.database.write

    async def away(work: object) -> object:
        nonlocal refused
        if refused < 5:
            refused += 1
            raise Refused(refuse(STORE_UNAVAILABLE, reason="test"))
        return await write(work)  # type: ignore[arg-type]

    monkeypatch.setattr(receiver.database, "write", away)
    await members["320000"].tell("310000", range(10))
    await members["320000"].until_confirmed()
    assert refused == 5
    assert await receiver.numbers("320000") == list(range(10))
    assert (await receiver.status()).inbox[0].parked == 0


async def test_a_silent_receiver_is_not_flooded(members: Members) -> None:
    await members["310000"].stop()
    await members["320000"].tell("310000", range(WINDOW_EVENTS_MAX * 3))
    relay = members["320000"].relay
    assert relay is not None
    line = relay._sender._lines

    async def window_sent() -> bool:
        return "310000" in line and line["310000"].sent_through > 0

    await until(window_sent, "the first window to be sent")
    assert line["310000"].sent_through <= WINDOW_EVENTS_MAX
    await members["310000"].start()
    await members["320000"].until_confirmed()
    assert len(await members["310000"].numbers("320000")) == WINDOW_EVENTS_MAX * 3


async def test_a_half_open_link_is_noticed_within_fifteen_seconds(broker: TestBroker) -> None:
    async with _gateway(broker.port) as (port, swallow):
        settings = NatsSettings((f"tls://127.0.0.1:{port}",), "320000", member_tls(broker.folder / "320000"))
        bus = NatsBus(settings)
        await bus.start()
        await until(lambda: _connected(bus), "the province to connect")
        swallow.set()
        async with asyncio.timeout(15):
            await until(lambda: _disconnected(bus), "the dead link to be noticed")
        swallow.clear()
        await until(lambda: _connected(bus), "the province to come back by itself")
        await bus.close()


async def test_one_trace_follows_an_event_from_member_to_member(members: Members, monkeypatch: pytest.MonkeyPatch) -> None:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    from twelve333.adapters.relay import sender

    monkeypatch.setattr(sender, "_tracer", provider.get_tracer("test"))
    monkeypatch.setattr(members["310000"].delivery.inbox, "_tracer", provider.get_tracer("test"))
    with provider.get_tracer("test").start_as_current_span("ask") as ask:
        await members["320000"].tell("310000", range(1))
    await members["320000"].until_confirmed()
    spans = {span.name: span for span in exporter.get_finished_spans()}
    assert {span.context.trace_id for span in spans.values() if span.context} == {ask.get_span_context().trace_id}
    assert {"ask", "deliver", "apply"} <= set(spans)
    assert spans["apply"].kind is trace.SpanKind.CONSUMER
    provider.shutdown()


async def _connected(bus: NatsBus) -> bool:
    return bus.connected


async def _disconnected(bus: NatsBus) -> bool:
    return not bus.connected


@asynccontextmanager
async def _gateway(target: int) -> AsyncIterator[tuple[int, asyncio.Event]]:
    """A TCP gateway to the broker; while `swallow` is set it keeps sockets open and forwards nothing."""
    swallow = asyncio.Event()
    pumps: set[asyncio.Task[None]] = set()

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                if not swallow.is_set():
                    writer.write(data)
                    await writer.drain()
        except ConnectionError:
            return
        finally:
            writer.close()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there = await asyncio.open_connection("127.0.0.1", target)
        for source, sink in ((reader, there[1]), (there[0], writer)):
            pumps.add(asyncio.create_task(pump(source, sink)))

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1], swallow
    finally:
        server.close()
        for task in pumps:
            task.cancel()
        await asyncio.gather(*pumps, return_exceptions=True)
