"""Two nodes in one process on real databases, with a clock of the test's own, joined by a wire that can be cut."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import grpc

from province_node.calls import CallParts
from province_node.cases_policy import Cases
from province_node.context import NodeContext
from province_node.handlers.routing import HandoffPeerHandlers
from province_node.handlers.slots import SlotPeerHandlers
from province_node.settings import Handoff as Limits
from province_node.store import delivery_of
from province_node.store import metadata as tables
from tests.support.one_node import peers_by
from twelve333.adapters.rpc import access
from twelve333.adapters.sql import open_database
from twelve333.api.registration.v1 import registration_pb2
from twelve333.core.coverage.model import Declaration
from twelve333.core.decision import Refused
from twelve333.core.identity import Caller, Role
from twelve333.core.ids import HUB
from twelve333.testing.directory import a_unit
from twelve333.wire.declarations import declaration_to_wire
from twelve333.wire.registration import unit_to_wire
from twelve333.wire.status import DETAILS_KEY, to_status

START = datetime(2014, 1, 24, 2, 0, tzinfo=UTC)
UNUSED = cast("Any", None)


@dataclass
class Wire:
    """What lies between the nodes. `cut`: nobody answers."""

    members: dict[str, Member] = field(default_factory=dict)
    cut: bool = False
    asked: list[str] = field(default_factory=list)
    requests: dict[str, Any] = field(default_factory=dict)  # the last of each kind

    def channel(self, caller: str, member: str) -> Any:
        """A channel from one node to another."""

        def unary_unary(path: str, request_serializer: Any, response_deserializer: Any, **_: Any) -> Callable[..., Any]:
            async def ask(request: Any, **_options: Any) -> Any:
                name = path.rpartition("/")[2]
                self.asked.append(name)
                if self.cut:
                    raise _error(grpc.StatusCode.UNAVAILABLE)
                sent = self.requests[name] = type(request).FromString(request_serializer(request))
                return response_deserializer((await self.members[member].answer(caller, name, sent)).SerializeToString())

            return ask

        return SimpleNamespace(unary_unary=unary_unary)


@dataclass
class Member:
    """One node."""

    context: NodeContext
    parts: CallParts

    async def answer(self, caller: str, name: str, request: Any) -> Any:
        """Serve a call of another node."""
        parts, token = self.parts, access._caller.set(Caller(Role.NODE, caller))
        handoffs = HandoffPeerHandlers(self.context, parts.view, parts.handoffs, parts.fetcher, parts.errands)
        slots = SlotPeerHandlers(parts.granting)
        try:
            handler = getattr(slots, name, None) or getattr(handoffs, name)
            return await handler(request, UNUSED)
        except Refused as refused:
            details = to_status(refused.refusal, "en").SerializeToString()
            raise _error(grpc.StatusCode.FAILED_PRECONDITION, ((DETAILS_KEY, details),)) from refused
        finally:
            access._caller.reset(token)


@dataclass
class Nodes:
    """福建 (350000) and 江西 (360000) and the wire between them."""

    wire: Wire
    now: datetime = START

    def pass_time(self, seconds: float) -> None:
        """Let time pass at both."""
        self.now += timedelta(seconds=seconds)

    def __getitem__(self, member: str) -> Member:
        return self.wire.members[member]


@asynccontextmanager
async def two_nodes(folder: Path, declarations: list[Declaration]) -> AsyncIterator[Nodes]:
    """Nodes that know these units."""
    directory = registration_pb2.Directory(
        version=3,
        members=[registration_pb2.Member(name=name) for name in (HUB, "350000", "360000")],
        units=[unit_to_wire(a_unit(each.unit)) for each in declarations],
        declarations=[declaration_to_wire(each) for each in declarations],
    )
    nodes = Nodes(Wire())
    for member in ("350000", "360000"):
        nodes.wire.members[member] = await _member(member, folder, directory, nodes)
    yield nodes
    for each in nodes.wire.members.values():
        await each.parts.errands.stop()
        await each.context.database.close()


async def _member(member: str, folder: Path, directory: registration_pb2.Directory, nodes: Nodes) -> Member:
    database, delivery = open_database(f"sqlite:///{folder / member}.db"), delivery_of(member)
    await database.write(lambda tx: tables.create_all(tx))
    await database.write(lambda tx: delivery.outbox.begin_epoch(tx, START))
    replica = SimpleNamespace(current=directory, version=3, on_change=lambda listener: None)
    settings = SimpleNamespace(province=member, handoff=Limits(), cases=Cases(), locale="en")
    peers = peers_by(lambda other: nodes.wire.channel(member, other))
    unused = cast("Any", None)
    context = NodeContext(
        cast("Any", settings), database, delivery.outbox, lambda: nodes.now, cast("Any", replica), cast("Any", peers), unused
    )
    return Member(context, CallParts.of(context))


def _error(code: grpc.StatusCode, trailers: tuple[tuple[str, bytes], ...] = ()) -> grpc.aio.AioRpcError:
    return grpc.aio.AioRpcError(code, grpc.aio.Metadata(), grpc.aio.Metadata(*trailers), details="")
