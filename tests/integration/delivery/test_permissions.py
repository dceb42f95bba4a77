"""The broker lets each member speak only for itself, and nobody else at all."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from nats.aio.client import Client
from nats.errors import Error as NatsError

from tests.support.broker import TestBroker
from twelve333.adapters.bus.nats import NatsBus
from twelve333.adapters.bus.tls import member_tls
from twelve333.core.decision import Refused
from twelve333.core.delivery.codes import BROKER_AWAY
from twelve333.core.ids import HUB
from twelve333.wire.subjects import event_subject, inbox_prefix

from .conftest import until

FORBIDDEN_TO_SAY = [
    "t333.ev.310000.hub.cases",  # an event in another's name
    "t333.rc.310000.hub",  # a receipt in another's name
    "t333.qs.310000",  # how another's queues stand
    "$JS.API.CONSUMER.MSG.NEXT.EVENTS.to-310000",  # another's events
    "$JS.API.CONSUMER.INFO.EVENTS.to-320000",
    "$JS.API.STREAM.PURGE.EVENTS",
    "$JS.API.STREAM.DELETE.EVENTS",
    "$JS.API.STREAM.MSG.GET.EVENTS",
    "$JS.API.CONSUMER.CREATE.EVENTS",
    "$JS.ACK.EVENTS.to-310000.1.1.1.1.1",
    "_INBOX_310000.x",
    "anything",
]
FORBIDDEN_TO_HEAR = ["t333.ev.>", "t333.ev.*.320000.>", "t333.rc.*.310000", "_INBOX_310000.>", "_INBOX.>", "$JS.>", ">"]


@asynccontextmanager
async def _session(broker: TestBroker, member: str, tls: ssl.SSLContext | None) -> AsyncIterator[tuple[Client, list[str]]]:
    """A plain client for `member` and the violations that the broker reports to it."""
    client, violations = Client(), []

    async def report(error: Exception) -> None:
        violations.append(str(error).lower())

    await client.connect(
        broker.url, tls=tls, tls_hostname="broker.12333.internal", allow_reconnect=False, max_reconnect_attempts=1, reconnect_time_wait=0,
        inbox_prefix=inbox_prefix(member), error_cb=report,
    )  # fmt: skip
    try:
        yield client, violations
    finally:
        await client.close()


@pytest.mark.parametrize("subject", FORBIDDEN_TO_SAY)
async def test_a_province_cannot_say_what_is_not_its_own(broker: TestBroker, subject: str) -> None:
    async with _session(broker, "320000", member_tls(broker.folder / "320000")()) as (client, violations):
        await client.publish(subject, b"x")
        await _reported(violations, "publish")


@pytest.mark.parametrize("subject", FORBIDDEN_TO_HEAR)
async def test_a_province_cannot_hear_what_is_not_meant_for_it(broker: TestBroker, subject: str) -> None:
    async with _session(broker, "320000", member_tls(broker.folder / "320000")()) as (client, violations):
        await client.subscribe(subject)
        await _reported(violations, "subscription")


async def test_a_province_may_say_its_own(broker: TestBroker) -> None:
    async with _session(broker, "320000", member_tls(broker.folder / "320000")()) as (client, violations):
        await client.publish(event_subject("320000", "310000", "cases"), b"x")
        await client.publish("t333.rc.320000.hub", b"x")
        await client.subscribe("t333.rc.*.320000")
        await client.flush(timeout=5)
        assert violations == []


async def test_a_certificate_of_another_authority_is_refused(broker: TestBroker) -> None:
    with pytest.raises((NatsError, OSError)):
        async with _session(broker, "320000", member_tls(broker.outsider("320000"))()):
            pass


async def test_a_connection_without_a_certificate_is_refused(broker: TestBroker) -> None:
    context = ssl.create_default_context(cafile=broker.folder / "320000" / "ca.crt")
    with pytest.raises((NatsError, OSError)):
        async with _session(broker, "320000", context):
            pass


async def test_the_brokers_own_certificate_is_no_member(broker: TestBroker) -> None:
    with pytest.raises((NatsError, OSError)):
        async with _session(broker, "320000", member_tls(broker.folder / "broker")()):
            pass


async def test_without_stream_publishing_is_refused_in_words(broker: TestBroker) -> None:
    bus: NatsBus = broker.bus("320000")
    await bus.start()
    await until(lambda: _true(bus), "the province to connect")
    with pytest.raises(Refused) as caught:
        await bus.publish([(event_subject("320000", HUB, "cases"), b"x")])
    assert caught.value.refusal.code == BROKER_AWAY
    await bus.close()


async def _true(bus: NatsBus) -> bool:
    return bus.connected


async def _reported(violations: list[str], what: str) -> None:
    async def some() -> bool:
        return any("permissions violation" in text and what in text for text in violations)

    async with asyncio.timeout(10):
        await until(some, f"the broker to refuse the {what}")
