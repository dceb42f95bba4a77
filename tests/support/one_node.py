"""One node of 福建 on a real database with a clock of the test's own, its units, and 江西 beside it that hears nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import grpc
import pytest

from province_node.calls import CallParts
from province_node.cases_policy import Cases
from province_node.context import NodeContext
from province_node.handlers.routing import HandoffPeerHandlers
from province_node.settings import Handoff as Limits
from province_node.store import delivery_of
from province_node.store import metadata as tables
from twelve333.adapters.rpc import access
from twelve333.adapters.signing.document_keys import DocumentKeys
from twelve333.adapters.sql import open_database
from twelve333.api.registration.v1 import registration_pb2
from twelve333.api.routing.v1 import service_pb2 as pb
from twelve333.core.decision import Refused
from twelve333.core.identity import Caller, Role
from twelve333.core.ids import HUB
from twelve333.core.routing.context import ContextItem
from twelve333.core.routing.model import Call
from twelve333.testing.directory import a_declaration, a_unit
from twelve333.wire.declarations import declaration_to_wire
from twelve333.wire.registration import unit_to_wire
from twelve333.wire.routing import call_to_wire

START = datetime(2014, 1, 24, 2, 0, tzinfo=UTC)
HOLD = timedelta(seconds=30)
CONTEXT = (ContextItem("question", "档案在哪里"),)
UNITS = ("350000", "350100", "350200", "360000", "360400")
UNUSED = cast("Any", None)


@dataclass
class Node:
    """A node of 福建 with three units of two seats each, and 江西 beside it."""

    context: NodeContext
    parts: CallParts
    now: datetime = START
    unheard: list[str] = field(default_factory=list)

    @property
    def peer(self) -> HandoffPeerHandlers:
        """What other nodes call."""
        parts = self.parts
        return HandoffPeerHandlers(self.context, parts.view, parts.handoffs, parts.fetcher, parts.errands)

    async def outbox(self) -> dict[str, int]:
        """How many events wait for whom."""
        heads = await self.context.database.read(self.context.outbox.heads)
        return {head.destination: head.sequence for head in heads}


async def one_node(tmp_path: Path) -> AsyncIterator[Node]:
    """The node, until the test is over."""
    database = open_database(f"sqlite:///{tmp_path / 'node.db'}")
    delivery = delivery_of("350000")
    await database.write(lambda tx: tables.create_all(tx))
    await database.write(lambda tx: delivery.outbox.begin_epoch(tx, START))
    directory = registration_pb2.Directory(
        version=3,
        members=[registration_pb2.Member(name=name) for name in (HUB, "350000", "360000")],
        units=[unit_to_wire(a_unit(code)) for code in UNITS],
        declarations=[declaration_to_wire(a_declaration(code, seats=2)) for code in UNITS],
    )
    replica = SimpleNamespace(current=directory, version=3, on_change=lambda listener: None)
    settings = SimpleNamespace(province="350000", handoff=Limits(), cases=Cases(), locale="en")
    peers = peers_by(lambda member: made.unheard.append(member) or _deaf())
    parts = cast("Any", settings), database, delivery.outbox, lambda: made.now, cast("Any", replica), cast("Any", peers)
    context = NodeContext(*parts, DocumentKeys(b""))
    made = Node(context, CallParts.of(context))
    yield made
    await made.parts.errands.stop()
    await database.close()


def peers_by(channel: Callable[[str], Any]) -> SimpleNamespace:
    """Stands in for `Peers`: every call goes over what `channel` gives."""
    return SimpleNamespace(channel=channel, stub=lambda member, make: make(channel(member)))


def _deaf() -> grpc.aio.Channel:
    """A channel to where nobody listens."""
    return grpc.aio.insecure_channel("127.0.0.1:1")


@contextmanager
def called_by(member: str, name: str = "") -> Iterator[None]:
    """As if a node called, or a desktop of that name."""
    token = access._caller.set(Caller(Role.DESK if name else Role.NODE, member, name))
    try:
        yield
    finally:
        access._caller.reset(token)


def offer(name: str = "h1", unit: str = "350100", context: bytes = b"") -> pb.OfferHandoffRequest:
    """An offer of 九江."""
    request = pb.OfferHandoffRequest(offer_id=f"{name}.{unit}", call=call_to_wire(Call(name, unit)), from_unit="360400", unit=unit)
    request.expires_at.FromDatetime(START + timedelta(days=1))
    request.context_sha256 = context
    return request


async def code_of(asked: Any) -> str:
    """The code with which it is refused."""
    with pytest.raises(Refused) as refused:
        await asked
    return refused.value.refusal.code.name
