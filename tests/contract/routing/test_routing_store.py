"""The stores of handoffs and declarations on both databases: what is kept comes back, what callers told is forgotten."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import MetaData
from tests.support.postgres import Cluster

from national_hub.store import coverage as hub_coverage
from national_hub.store import metadata as hub_metadata
from national_hub.store import registration as hub_registration
from national_hub.store import routing as hub_routing
from province_node.store import metadata as node_metadata
from province_node.store import routing as store
from province_node.store import slots
from province_node.store.forgotten import close_silent, forget_returned
from twelve333.adapters.sql import Database, open_database
from twelve333.core.coverage.model import Candidate, Relation, Verdict
from twelve333.core.decision import Decision, Refusal, Refused
from twelve333.core.routing import codes
from twelve333.core.routing.back import KEPT_FOR
from twelve333.core.routing.context import ContextItem, digest_of
from twelve333.core.routing.handoff import Handoff, bring_back, complete, connect, fail, give_up, offer_to, settle, take
from twelve333.core.routing.ledger import Promise, Taken
from twelve333.core.routing.machine import HandoffState
from twelve333.core.routing.messages import told
from twelve333.core.routing.model import Call, LastResort, LastResortKind, State
from twelve333.core.routing.offers import Lease, Offer
from twelve333.core.routing.rules import decide
from twelve333.core.routing.slots import TERM, Account
from twelve333.testing.directory import a_declaration, a_snapshot, a_unit
from twelve333.wire.declarations import declaration_to_wire

NOW = datetime(2014, 1, 24, 8, 0, tzinfo=UTC)
HOLD = timedelta(seconds=30)
CONTEXT = (ContextItem("question", "档案在哪里"),)
FUZHOU = Candidate("350100", "350000", Relation.OWNER, Verdict.CHOSEN)


@pytest.fixture(params=["sqlite", "postgresql"])
def dialect(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def database(dialect: str, request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    async for opened in _open(dialect, request, tmp_path, node_metadata):
        yield opened


@pytest.fixture
async def hub_database(dialect: str, request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    async for opened in _open(dialect, request, tmp_path, hub_metadata):
        yield opened


async def _open(dialect: str, request: pytest.FixtureRequest, folder: Path, tables: MetaData) -> AsyncIterator[Database]:
    cluster: Cluster | None = request.getfixturevalue("postgres_cluster") if dialect == "postgresql" else None
    url = cluster.create_database() if cluster else f"sqlite:///{folder / 'store.db'}"
    opened = open_database(url)
    await opened.write(lambda tx: tables.create_all(tx))
    try:
        yield opened
    finally:
        await opened.close()
        if cluster:
            cluster.drop_database(url)


def kept(outcome: Decision[Handoff] | Refusal) -> Handoff:
    assert isinstance(outcome, Decision)
    return outcome.state


def accepted_handoff(name: str = "h1", at: datetime = NOW) -> Handoff:
    call = Call(name, "350102", "360400", "0102", "zh", ("360400",))
    route = decide(a_snapshot([a_unit("350100")]), State(), call, at)
    handoff = Handoff(call, "360400", context_sha256=digest_of(CONTEXT), route=route)
    return kept(take(kept(offer_to(handoff, FUZHOU, at)), "tel:12333", HOLD, at))


def lease(name: str = "h1", until: datetime = NOW + HOLD) -> Lease:
    offer = Offer(f"{name}.350100", Call(name, "350102", visited=("360400",)), "360400", "360000", "350100", NOW + HOLD, b"\x01" * 32)
    return Lease(offer, HandoffState.ACCEPTED, "tel:12333", NOW, until, pool="for 360400", slot=True)


async def test_a_handoff_comes_back_as_it_was_after_every_step(database: Database) -> None:
    handoff = accepted_handoff()
    await database.write(lambda tx: store.add_handoff(tx, handoff, CONTEXT))
    assert await database.read(lambda tx: store.load_handoff(tx, "h1")) == handoff
    assert await database.read(lambda tx: store.find_by_offer(tx, "h1.350100")) == handoff
    assert await database.read(lambda tx: store.find_by_offer(tx, "h1.350200")) is None
    connected = connect(handoff, HOLD, NOW)
    assert isinstance(connected, Decision)
    await database.write(lambda tx: store.save_handoff(tx, connected.state, connected.events))
    assert await database.read(lambda tx: store.load_handoff(tx, "h1")) == connected.state
    assert await database.read(lambda tx: store.load_handoff(tx, "h2")) is None


async def test_a_last_resort_comes_back(database: Database) -> None:
    away = kept(fail(kept(offer_to(Handoff(Call("h1", "350100"), "360400"), FUZHOU, NOW)), HandoffState.REFUSED, codes.LOOP, NOW))
    over = kept(give_up(away, LastResort(LastResortKind.VOICEMAIL, "350000"), NOW))
    await database.write(lambda tx: store.add_handoff(tx, over, CONTEXT))
    assert await database.read(lambda tx: store.load_handoff(tx, "h1")) == over
    assert await database.read(lambda tx: store.load_context(tx, "h1")) == CONTEXT, "it is still to be carried out"
    settled = settle(over, LastResortKind.CASE, NOW)
    assert isinstance(settled, Decision)
    await database.write(lambda tx: store.save_handoff(tx, settled.state, settled.events))
    assert await database.read(lambda tx: store.load_handoff(tx, "h1")) == settled.state
    assert await database.read(lambda tx: store.load_context(tx, "h1")) == ()


async def test_what_the_caller_told_is_forgotten_when_the_handoff_is_over(database: Database) -> None:
    connected = kept(connect(accepted_handoff(), HOLD, NOW))
    await database.write(lambda tx: store.add_handoff(tx, connected, CONTEXT))
    assert await database.read(lambda tx: store.load_context(tx, "h1")) == CONTEXT
    over = complete(connected, NOW)
    assert isinstance(over, Decision)
    await database.write(lambda tx: store.save_handoff(tx, over.state, over.events))
    assert await database.read(lambda tx: store.load_context(tx, "h1")) == ()


async def test_what_was_told_with_a_call_that_came_back_is_kept_until_its_time(database: Database) -> None:
    placed = replace(accepted_handoff(), placed_by="desk-1", came_by="h0")
    await database.write(lambda tx: store.add_handoff(tx, placed, CONTEXT))
    back = bring_back(placed, "WRONG_TOPIC", NOW)
    assert isinstance(back, Decision)
    await database.write(lambda tx: store.save_handoff(tx, back.state, back.events))
    assert await database.read(lambda tx: store.load_handoff(tx, "h1")) == back.state
    for late, context in ((timedelta(seconds=-1), CONTEXT), (timedelta(), ())):
        await database.write(lambda tx, now=NOW + KEPT_FOR + late: forget_returned(tx, now))
        assert await database.read(lambda tx: store.load_context(tx, "h1")) == context


async def test_handoffs_are_listed_the_newest_first(database: Database) -> None:
    made = [accepted_handoff(f"h{number}", NOW + timedelta(minutes=number)) for number in range(4)]
    for handoff in made:
        await database.write(lambda tx, one=handoff: store.add_handoff(tx, one, ()))
    assert await database.read(lambda tx: store.list_handoffs(tx, None, 3)) == made[:0:-1]
    assert await database.read(lambda tx: store.list_handoffs(tx, HandoffState.COMPLETED, 3)) == []
    overdue = await database.read(lambda tx: store.overdue_handoffs(tx, NOW + timedelta(minutes=1, seconds=30), 10))
    assert overdue == made[:2]


async def test_only_leases_that_run_take_a_seat(database: Database) -> None:
    over = replace(lease("h3"), state=HandoffState.COMPLETED)
    for one in (lease("h1"), lease("h2", NOW), over):
        await database.write(lambda tx, one=one: store.add_lease(tx, one))
    seat = Taken(NOW + HOLD, "360000", "360400", "", "zh", "for 360400")
    assert await database.read(lambda tx: store.running_leases(tx, "350100", NOW)) == [seat]
    assert await database.read(lambda tx: store.running_leases(tx, "350200", NOW)) == []


async def test_what_was_promised_comes_back_until_it_ends_and_nothing_that_lasts_too_long(database: Database) -> None:
    account = Account((Promise(NOW, NOW + TERM, {"all": 3}), Promise(NOW, NOW + HOLD / 10, {"all": 5})), {"all": 2})
    for _ in range(2):
        await database.write(lambda tx: slots.save_account(tx, "350100", "360000", account, 7))
    assert await database.read(lambda tx: slots.load_accounts(tx, "350100", NOW)) == {"360000": account}
    assert await database.read(slots.newest_epoch) == 7
    assert await database.read(lambda tx: slots.load_accounts(tx, "350100", NOW + TERM)) == {}
    clock_set_back = NOW - timedelta(hours=1)
    assert await database.read(lambda tx: slots.load_accounts(tx, "350100", clock_set_back)) == {}
    await database.write(lambda tx: slots.forget_accounts(tx, ["350200"], NOW))
    assert await database.read(lambda tx: slots.load_accounts(tx, "350100", NOW)) == {}


async def test_a_lease_is_known_by_its_origin_and_its_context_goes_when_it_is_over(database: Database) -> None:
    await database.write(lambda tx: store.add_lease(tx, lease()))
    await database.write(lambda tx: store.save_lease_context(tx, lease(), CONTEXT))
    assert await database.read(lambda tx: store.load_lease(tx, "360000", "h1.350100")) == lease()
    assert await database.read(lambda tx: store.load_lease(tx, "110000", "h1.350100")) is None
    assert await database.read(lambda tx: store.load_incoming(tx, "h1")) == (lease(), CONTEXT)
    over = replace(lease(), state=HandoffState.RETURNED, held_until=NOW)
    await database.write(lambda tx: store.save_lease(tx, over))
    assert await database.read(lambda tx: store.load_incoming(tx, "h1")) == (over, ())
    assert await database.read(lambda tx: store.list_leases(tx, HandoffState.RETURNED, 5)) == [over]


async def test_a_lease_without_a_word_from_its_origin_is_closed_and_forgotten(database: Database) -> None:
    await database.write(lambda tx: store.add_lease(tx, lease()))
    await database.write(lambda tx: store.save_lease_context(tx, lease(), CONTEXT))
    assert await database.write(lambda tx: close_silent(tx, NOW)) == 0
    assert await database.write(lambda tx: close_silent(tx, NOW + timedelta(hours=1))) == 1
    assert await database.read(lambda tx: store.load_incoming(tx, "h1")) == (replace(lease(), state=HandoffState.EXPIRED), ())


async def test_the_hub_keeps_each_step_once(hub_database: Database) -> None:
    news = told(accepted_handoff())
    for origin in ("360000", "360000", "350000"):
        await hub_database.write(lambda tx, origin=origin: hub_routing.keep_steps(tx, origin, news))
    assert await hub_database.read(hub_routing.count_steps) == {HandoffState.OFFERED: 2, HandoffState.ACCEPTED: 2}


async def test_the_hub_keeps_the_history_of_declarations(hub_database: Database) -> None:
    first = declaration_to_wire(a_declaration("350100"))
    second = declaration_to_wire(a_declaration("350100", seats=3, fallbacks=("360000",)))

    def enter(at: datetime, declaration: object) -> object:
        return hub_database.write(lambda tx: hub_coverage.enter_declaration(tx, "350100", declaration, at))

    await hub_database.write(lambda tx: hub_registration.save_units(tx, [a_unit("350100"), a_unit("360000")]))
    assert await enter(NOW, first) is True
    assert await enter(NOW, first) is False
    assert await enter(NOW + HOLD, second) is True
    assert await hub_database.read(lambda tx: hub_coverage.load_declaration(tx, "350100", NOW + HOLD)) == second
    assert await hub_database.read(lambda tx: hub_coverage.load_declarations(tx, NOW + HOLD)) == [second]
    assert await hub_database.read(lambda tx: hub_coverage.load_history(tx, "350100")) == [(NOW, first), (NOW + HOLD, second)]


async def test_a_declaration_with_mistakes_leaves_nothing_behind(hub_database: Database) -> None:
    wrong = declaration_to_wire(a_declaration("350100", fallbacks=("999900",)))
    with pytest.raises(Refused, match="COVERAGE_DECLARATION_INVALID"):
        await hub_database.write(lambda tx: hub_coverage.enter_declaration(tx, "350100", wrong, NOW))
    assert await hub_database.read(lambda tx: hub_coverage.load_declarations(tx, NOW + HOLD)) == []
