"""While the broker is away, events go straight to hub and peer over mutual TLS, with the same promises; and back when it returns."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
import pytest_asyncio

from national_hub.access import FEDERATION as HUB_TABLE
from province_node.access import FEDERATION as NODE_TABLE
from tests.support.broker import TestBroker
from twelve333.adapters.relay import DeliveryPeerHandlers, GrpcDirect, lines, sender
from twelve333.adapters.rpc.credentials import channel_credentials, server_credentials
from twelve333.adapters.rpc.peers import Peers
from twelve333.adapters.rpc.server import Listener, RpcServer, build_server
from twelve333.adapters.sql import open_database
from twelve333.api.delivery.v1 import peer_pb2_grpc
from twelve333.api.delivery.v1.delivery_pb2 import Receipt as ReceiptMessage
from twelve333.core.decision import Refused, refuse
from twelve333.core.delivery.codes import FOREIGN_DESTINATION, FOREIGN_ORIGIN
from twelve333.core.delivery.model import Envelope
from twelve333.core.identity import FEDERATION_DOMAIN
from twelve333.core.ids import HUB
from twelve333.wire.codes import PEER_AWAY, ROLE_DENIED

from .conftest import TYPE, Member, until

Members = dict[str, "Reachable"]


async def _ready() -> None:
    """There is one copy of each member here."""


class Reachable(Member):
    """A member whose federation listener offers the direct way; `listen` and `hang_up` may be called again and again."""

    def __init__(self, name: str, broker: TestBroker, folder: Path, addresses: dict[str, str]) -> None:
        super().__init__(name, broker, folder)
        self._pki, self._addresses = broker.folder / name, addresses
        self.peers = Peers(addresses.get, channel_credentials(self._pki))
        self.direct = GrpcDirect(self.peers)
        self._server: RpcServer | None = None

    async def listen(self) -> None:
        """Offer the direct way, at the same address as before."""
        assert self.relay is not None
        listener = Listener(self._addresses.get(self.name, "127.0.0.1:0"), server_credentials(self._pki), FEDERATION_DOMAIN)
        offered = [partial(peer_pb2_grpc.add_DeliveryPeerServiceServicer_to_server, DeliveryPeerHandlers(self.relay.intake, _ready))]
        self._server = build_server(listener, offered, HUB_TABLE if self.name == HUB else NODE_TABLE)
        self._addresses[self.name] = self._server.address
        await self._server.start()

    async def hang_up(self) -> None:
        """Offer it no longer."""
        if self._server is not None:
            await self._server.stop(0)
        self._server = None


@pytest_asyncio.fixture
async def reachable(broker: TestBroker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Members]:
    """The hub and two provinces, connected to the broker and reachable directly."""
    monkeypatch.setattr(sender, "AWAY_S", 0.1)
    addresses: dict[str, str] = {}
    made = {name: Reachable(name, broker, tmp_path, addresses) for name in (HUB, "320000", "310000")}
    async with AsyncExitStack() as stack:
        for member in made.values():
            await member.prepare()
            await member.start()
            await member.listen()
            stack.push_async_callback(member.database.close)
            stack.push_async_callback(member.peers.close)
            stack.push_async_callback(member.stop)
            stack.push_async_callback(member.hang_up)
        yield made


async def test_without_a_broker_events_reach_hub_and_peers_once_in_order(reachable: Members, broker: TestBroker) -> None:
    await broker.stop()
    await reachable["320000"].tell("310000", range(600))
    await reachable["320000"].tell(HUB, range(20))
    await reachable[HUB].tell("320000", range(7))
    for member in reachable.values():
        await member.until_confirmed()
    assert await reachable["310000"].numbers("320000") == list(range(600))
    assert await reachable[HUB].numbers("320000") == list(range(20))
    assert await reachable["320000"].numbers(HUB) == list(range(7))


async def test_when_the_broker_returns_events_take_it_again_and_nothing_has_a_second_effect(reachable: Members, broker: TestBroker) -> None:
    sender_, receiver = reachable["320000"], reachable["310000"]
    await sender_.tell("310000", range(100))
    await broker.stop()
    await sender_.tell("310000", range(100, 200))
    await sender_.until_confirmed()
    await broker.start()
    for member in reachable.values():
        await until(partial(_connected, member), "the members to come back")
        await member.hang_up()  # from here on only the broker can carry anything
    await sender_.tell("310000", range(200, 300))
    await sender_.until_confirmed()
    assert await receiver.numbers("320000") == list(range(300))
    (line,) = (await receiver.status()).inbox
    assert (line.applied, line.parked, line.refused) == (300, 0, 0)


async def test_a_receiver_that_the_broker_cannot_reach_is_handed_its_events(reachable: Members, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "CONFIRM_BASE", timedelta(milliseconds=100))
    receiver = reachable["310000"]
    assert receiver.relay is not None
    await receiver.relay._bus.close()
    await reachable["320000"].tell("310000", range(50))
    await reachable["320000"].until_confirmed()
    assert await receiver.numbers("320000") == list(range(50))


async def test_a_poison_event_is_set_aside_on_the_direct_way_too(reachable: Members, broker: TestBroker) -> None:
    def fail(number: int) -> None:
        if number == 5:
            raise ValueError(number)

    await broker.stop()
    reachable["310000"].before_apply = fail
    await reachable["320000"].tell("310000", range(10))
    await reachable["320000"].until_confirmed()
    assert await reachable["310000"].numbers("320000") == [0, 1, 2, 3, 4, 6, 7, 8, 9]
    (line,) = (await reachable["310000"].status()).inbox
    assert (line.parked, line.applied, line.watermark) == (1, 9, 10)


async def test_a_gap_is_asked_for_again_on_the_direct_way_too(reachable: Members, broker: TestBroker, tmp_path: Path) -> None:
    sender_, receiver = reachable["320000"], reachable["310000"]
    await broker.stop()
    await sender_.tell("310000", range(20))
    await sender_.until_confirmed()
    await receiver.hang_up()
    await receiver.stop()
    await receiver.database.close()
    (tmp_path / "310000.db").unlink()  # the receiver has lost everything, as if restored from its first day
    for suffix in ("-wal", "-shm"):
        (tmp_path / f"310000.db{suffix}").unlink(missing_ok=True)
    receiver.database = open_database(receiver.url)
    await receiver.prepare()
    await receiver.start()
    await receiver.listen()
    await sender_.tell("310000", range(20, 25))
    await sender_.until_confirmed()
    assert await receiver.numbers("320000") == list(range(25))


async def test_a_lost_answer_makes_no_second_effect(reachable: Members, broker: TestBroker, monkeypatch: pytest.MonkeyPatch) -> None:
    deliver, lost = GrpcDirect.deliver, 0

    async def lossy(way: GrpcDirect, destination: str, envelopes: Sequence[Envelope]) -> object:
        nonlocal lost
        receipt = await deliver(way, destination, envelopes)
        if lost < 2:
            lost += 1
            raise Refused(refuse(PEER_AWAY))
        return receipt

    monkeypatch.setattr(GrpcDirect, "deliver", lossy)
    await broker.stop()
    await reachable["320000"].tell("310000", range(30))
    await reachable["320000"].until_confirmed()
    assert await reachable["310000"].numbers("320000") == list(range(30))


async def test_nobody_delivers_in_anothers_name_or_to_the_wrong_member(reachable: Members) -> None:
    foreign = _envelope(origin="350000", destination="310000")
    misled = _envelope(origin="320000", destination=HUB)
    for envelope, code in ((foreign, FOREIGN_ORIGIN), (misled, FOREIGN_DESTINATION)):
        with pytest.raises(Refused) as refused:
            await reachable["320000"].direct.deliver("310000", [envelope])
        assert refused.value.refusal.code == code
    assert await reachable["310000"].numbers("320000") == []


async def test_one_event_in_anothers_name_keeps_its_whole_batch_out(reachable: Members) -> None:
    batch = [_envelope(origin="320000", destination="310000"), _envelope(origin=HUB, destination="310000")]
    with pytest.raises(Refused):
        await reachable["320000"].direct.deliver("310000", batch)
    assert (await reachable["310000"].status()).inbox == ()


async def test_the_hub_takes_events_from_nodes_only(reachable: Members) -> None:
    with pytest.raises(Refused) as refused:
        await reachable[HUB].direct.deliver(HUB, [_envelope(origin=HUB, destination="310000")])
    assert refused.value.refusal.code.name == ROLE_DENIED.name


async def test_a_peer_that_is_away_too_is_tried_until_it_is_back(reachable: Members, broker: TestBroker) -> None:
    await broker.stop()
    await reachable["310000"].hang_up()
    await reachable["320000"].tell("310000", range(5))
    await reachable["320000"].tell(HUB, range(5))  # a silent peer holds up nobody else
    await reachable[HUB].until_heard("320000", 5)
    assert await reachable["310000"].numbers("320000") == []
    await reachable["310000"].listen()
    await reachable["320000"].until_confirmed()
    assert await reachable["310000"].numbers("320000") == list(range(5))


def _envelope(origin: str, destination: str) -> Envelope:
    payload = ReceiptMessage(watermark=1).SerializeToString()
    return Envelope(origin, destination, 1, 1, "event-1", "delivery", TYPE, datetime.now(UTC), payload)


async def _connected(member: Member) -> bool:
    return member.relay is not None and member.relay.connected
