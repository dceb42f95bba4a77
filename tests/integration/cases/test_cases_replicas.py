"""The handlers of three nodes and the hub on databases of their own: whatever the network does, every history ends up equal.

The bus is a list here, as bad as a bus may be: late, repeated, interleaved between origins. Everything else is the real thing.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest
from tests.core.cases.builders import FUZHOU, MEMBER_OF, NANJING, SHANGHAI, START

from national_hub.handlers.cases import CaseHandlers as HubHandlers
from national_hub.store import delivery_of as hub_delivery
from national_hub.store import metadata as hub_metadata
from national_hub.store.audit import log as hub_log
from national_hub.store.cases import store as hub_cases
from province_node.cases_policy import Cases
from province_node.handlers.cases import CaseHandlers
from province_node.store import delivery_of, metadata
from province_node.store.audit import log
from province_node.store.cases import store as node_cases
from twelve333.adapters.audit import Auditor
from twelve333.adapters.rpc import access
from twelve333.adapters.sql import Database, open_database
from twelve333.adapters.sql.cases_inbound import case_appliers
from twelve333.adapters.sql.delivery import Arrival, Delivery
from twelve333.api.cases.v1 import cases_pb2
from twelve333.api.cases.v1 import service_pb2 as pb
from twelve333.api.registration.v1 import registration_pb2
from twelve333.core.decision import Refused
from twelve333.core.identity import Caller, Role

MEMBERS = ("hub", "310000", "320000", "350000")


@dataclass
class Member:
    """One member: its database, its delivery, its handlers."""

    name: str
    database: Database
    delivery: Delivery
    handlers: Any
    read: dict[str, int]
    ports: Any

    async def case(self, case_id: str = "c1") -> cases_pb2.Case:
        return await self.handlers.GetCase(pb.GetCaseRequest(case_id=case_id), None)


@dataclass
class Federation:
    """All members and the bus between them."""

    members: dict[str, Member]

    def node(self, unit: str) -> Any:
        return self.members[MEMBER_OF[unit]].handlers

    async def carry(self, chance: Random, *, share: float = 1.0) -> None:
        """Carry what waits, in the order of each origin, interleaved and partly repeated; `share` of the links are up."""
        names = tuple(self.members)
        pairs = [(origin, to) for origin in names for to in names if origin != to and chance.random() < share]
        chance.shuffle(pairs)
        for origin, to in pairs:
            await self._carry(self.members[origin], self.members[to], chance)

    async def _carry(self, origin: Member, to: Member, chance: Random) -> None:
        heads = await origin.database.read(origin.delivery.outbox.heads)
        for head in (head for head in heads if head.destination == to.name):
            first = max(1, to.read.get(origin.name, 0) - chance.randrange(3))
            waiting = await origin.database.read(
                lambda tx, h=head, f=first: origin.delivery.outbox.pending(tx, h, range(f, h.sequence + 1))
            )
            appliers = case_appliers(hub_cases if to.name == "hub" else node_cases, to.delivery)
            arrivals = [Arrival(origin.name, envelope) for envelope in waiting]
            received = await to.database.write(lambda tx, a=arrivals, s=appliers: to.delivery.inbox.receive(tx, a, s, START))
            assert received.failure is None, received.failure
            assert not received.refusals
            to.read[origin.name] = head.sequence


@asynccontextmanager
async def opened(folder: Path, names: Sequence[str] = MEMBERS) -> AsyncIterator[Federation]:
    """The hub and these nodes."""
    minutes = count(1)
    directory = registration_pb2.Directory(
        members=[registration_pb2.Member(name=name) for name in names],
        units=[registration_pb2.Unit(code=unit, member=member) for unit, member in MEMBER_OF.items()],
    )
    directory.units.append(registration_pb2.Unit(code="230100", member="230000"))  # a province without a node
    async with AsyncExitStack() as stack:
        members = {}
        for name in names:
            database = open_database(f"sqlite:///{folder / name}.db")
            stack.push_async_callback(database.close)
            delivery = hub_delivery(name) if name == "hub" else delivery_of(name)
            tables = hub_metadata if name == "hub" else metadata
            await database.write(tables.create_all)
            await database.write(lambda tx, one=delivery: one.outbox.begin_epoch(tx, START))
            records = hub_log if name == "hub" else log
            ports = SimpleNamespace(
                province=name,
                database=database,
                outbox=delivery.outbox,
                audit=Auditor(database, records, lambda: START),
                clock=lambda: START + timedelta(minutes=next(minutes)),
                settings=SimpleNamespace(cases=Cases(), locale="en"),
                directory=SimpleNamespace(current=directory),
            )
            handlers = HubHandlers(ports) if name == "hub" else CaseHandlers(ports)  # type: ignore[arg-type]
            members[name] = Member(name, database, delivery, handlers, {}, ports)
        yield Federation(members)


@pytest.fixture
async def federation(tmp_path: Path) -> AsyncIterator[Federation]:
    async with opened(tmp_path) as made:
        yield made


@pytest.fixture(autouse=True)
def caller() -> None:
    access._caller.set(Caller(Role.DESK, "320000", "wang"))


async def _open(federation: Federation, case_id: str = "c1") -> None:
    asked = pb.OpenCaseRequest(case_id=case_id, unit=NANJING, topic="0301", region=SHANGHAI, summary="wages unpaid")
    await federation.node(NANJING).OpenCase(asked, None)


def _head(unit: str, step: str, epoch: int) -> dict[str, Any]:
    return {"case_id": "c1", "step_id": step, "owner_epoch": epoch, "unit": unit}


async def test_unpaid_wages_cross_provinces_and_every_party_ends_with_one_history(federation: Federation) -> None:
    chance = Random(12333)
    await _open(federation)
    nanjing, shanghai = federation.node(NANJING), federation.node(SHANGHAI)
    await nanjing.TransferCase(pb.TransferCaseRequest(**_head(NANJING, "s1", 1), to_unit=SHANGHAI), None)
    await federation.carry(chance)
    await shanghai.AcceptCase(pb.AcceptCaseRequest(**_head(SHANGHAI, "s2", 1)), None)
    await shanghai.AnswerCase(pb.AnswerCaseRequest(**_head(SHANGHAI, "s3", 2), answer="paid on Friday"), None)
    with pytest.raises(Refused, match="CASES_EPOCH_STALE"):
        await nanjing.TellCaller(pb.TellCallerRequest(**_head(NANJING, "s4", 2)), None)
    await federation.carry(chance)
    await nanjing.TellCaller(pb.TellCallerRequest(**_head(NANJING, "s4", 2)), None)
    await nanjing.CloseCase(pb.CloseCaseRequest(**_head(NANJING, "s5", 2)), None)
    await federation.carry(chance)
    histories = [(await federation.members[name].case()).history for name in ("hub", "310000", "320000")]
    assert [step.WhichOneof("done") for step in histories[0]] == ["opened", "offered", "accepted", "answered", "told", "closed"]
    assert histories[0] == histories[1] == histories[2]
    assert all(step.signed_by == "wang" for step in histories[0])
    with pytest.raises(Refused, match="CASES_NOT_FOUND"):
        await federation.members["350000"].case()


async def test_a_refused_and_moved_case_converges_over_a_bad_network(federation: Federation) -> None:
    chance, names = Random(7), ("hub", "310000", "320000", "350000")
    await _open(federation)
    await federation.node(NANJING).TransferCase(pb.TransferCaseRequest(**_head(NANJING, "s1", 1), to_unit=FUZHOU), None)
    await federation.carry(chance)
    await federation.node(FUZHOU).RefuseCase(pb.RefuseCaseRequest(**_head(FUZHOU, "s2", 1), reason="not here"), None)
    await federation._carry(federation.members["350000"], federation.members["320000"], chance)
    await federation.node(NANJING).TransferCase(pb.TransferCaseRequest(**_head(NANJING, "s3", 1), to_unit=SHANGHAI), None)
    await federation._carry(federation.members["320000"], federation.members["310000"], chance)
    await federation.node(SHANGHAI).AcceptCase(pb.AcceptCaseRequest(**_head(SHANGHAI, "s4", 1)), None)
    # The hub hears of the acceptance before it hears of the refusal and the second offer.
    await federation._carry(federation.members["310000"], federation.members["hub"], chance)
    assert (await federation.members["hub"].case()).version == 2
    await federation.node(SHANGHAI).TransferCase(pb.TransferCaseRequest(**_head(SHANGHAI, "s5", 2), to_unit=FUZHOU), None)
    for _ in range(6):
        await federation.carry(chance, share=0.4)
    await federation.carry(chance)
    cases = [await federation.members[name].case() for name in names]
    assert all(case.history == cases[0].history for case in cases), "the offer brought Fuzhou what it had missed"
    assert {(case.owner.unit, case.owner_epoch, case.offered_to.unit) for case in cases} == {(SHANGHAI, 2, FUZHOU)}


async def test_a_repeated_request_is_one_step_and_is_told_once(federation: Federation) -> None:
    for _ in range(3):
        await _open(federation)
    heads = await federation.members["320000"].database.read(federation.members["320000"].delivery.outbox.heads)
    assert [(head.destination, head.sequence) for head in heads] == [("hub", 1)]


async def test_a_refused_step_leaves_no_trace_and_tells_nobody(federation: Federation) -> None:
    await _open(federation)
    nanjing = federation.node(NANJING)
    for to, code in (("230100", "CASES_TO_UNKNOWN"), ("999999", "CASES_TO_UNKNOWN"), (NANJING, "CASES_TO_OWNER")):
        with pytest.raises(Refused, match=code):
            await nanjing.TransferCase(pb.TransferCaseRequest(**_head(NANJING, "s1", 1), to_unit=to), None)
    with pytest.raises(Refused, match="CASES_UNIT_NOT_YOURS"):
        await nanjing.AnswerCase(pb.AnswerCaseRequest(**_head(SHANGHAI, "s1", 1), answer="x"), None)
    heads = await federation.members["320000"].database.read(federation.members["320000"].delivery.outbox.heads)
    assert [(head.destination, head.sequence) for head in heads] == [("hub", 1)]


async def test_the_hub_lists_what_it_was_told(federation: Federation) -> None:
    await _open(federation, "c1")
    await _open(federation, "c2")
    await federation.carry(Random(1))
    listing = await federation.members["hub"].handlers.ListCases(pb.ListCasesRequest(state=cases_pb2.CASE_STATE_OPEN), None)
    assert ([case.case_id for case in listing.cases], listing.page.total) == (["c1", "c2"], 2)
