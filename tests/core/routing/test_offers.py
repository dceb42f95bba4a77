"""The accepting side: seats are leases, an offer repeated is the same offer, every no has its code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twelve333.core.coverage.model import Declaration, Grant, SkillSeats
from twelve333.core.coverage.snapshot import Snapshot
from twelve333.core.decision import Code, Decision, Refusal
from twelve333.core.registration.model import UnitStatus
from twelve333.core.routing import codes
from twelve333.core.routing.ledger import Promise, Taken
from twelve333.core.routing.machine import HandoffState
from twelve333.core.routing.model import Call
from twelve333.core.routing.offers import Lease, Offer, Post, consider, note, serves
from twelve333.testing.directory import a_declaration, a_snapshot, a_unit

NOW = datetime(2014, 1, 24, 8, 0, tzinfo=UTC)
HOLD, CALL_HOLD = timedelta(seconds=30), timedelta(minutes=60)
OFFER = Offer("h1.350100", Call("h1", "350100"), "360400", "360000", "350100", NOW + timedelta(seconds=10))


def directory(seats: int = 2, **changes: object) -> Snapshot:
    units = [a_unit("350000"), a_unit("350100", **changes), a_unit("360400")]
    return a_snapshot(units, [a_declaration(unit.code, seats=seats, topics=("01",)) for unit in units])


def taken(*until: datetime, source: str = "360400", topic: str = "", language: str = "zh", pool: str = "") -> list[Taken]:
    return [Taken(each, f"{source[:2]}0000", source, topic, language, pool) for each in until]


def ask(
    offer: Offer = OFFER,
    known: Lease | None = None,
    running: Sequence[Taken] = (),
    snapshot: Snapshot | None = None,
    promises: Mapping[str, Sequence[Promise]] | None = None,
) -> Decision[Lease] | Refusal:
    return consider(offer, known, Post(snapshot or directory(), "350000", running, promises or {}), HOLD, NOW)


def lease() -> Lease:
    outcome = ask()
    assert isinstance(outcome, Decision)
    return outcome.state


def test_a_free_seat_is_held_for_the_call() -> None:
    assert lease() == Lease(OFFER, HandoffState.ACCEPTED, "sip:12333@350100.example", NOW, NOW + HOLD)


@pytest.mark.parametrize(
    ("offer", "code"),
    [
        (replace(OFFER, expires_at=NOW), codes.OFFER_EXPIRED),
        (replace(OFFER, unit="360400"), codes.UNIT_NOT_SERVED_HERE),
        (replace(OFFER, unit="350900"), codes.UNIT_NOT_SERVED_HERE),
        (replace(OFFER, call=Call("h1", "350100", visited=("350100",))), codes.LOOP),
        (replace(OFFER, from_unit="350100"), codes.LOOP),
        (replace(OFFER, call=Call("h1", "350100", topic="02")), codes.UNIT_CANNOT_ANSWER),
    ],
)
def test_every_no_has_its_code(offer: Offer, code: Code) -> None:
    outcome = ask(offer)
    assert isinstance(outcome, Refusal)
    assert outcome.code is code


def test_a_unit_that_is_not_open_does_not_accept() -> None:
    outcome = ask(snapshot=directory(status=UnitStatus.SUSPENDED))
    assert isinstance(outcome, Refusal)
    assert (outcome.code, outcome.params["verdict"]) == (codes.UNIT_CANNOT_ANSWER, "suspended")


def test_a_full_unit_says_when_to_ask_again() -> None:
    outcome = ask(running=taken(NOW + timedelta(seconds=7), NOW + timedelta(seconds=20)))
    assert isinstance(outcome, Refusal)
    assert (outcome.code, outcome.retry_after) == (codes.NO_SEAT_FREE, timedelta(seconds=7))


def test_a_unit_without_seats_says_when_to_ask_again() -> None:
    outcome = ask(snapshot=directory(seats=0))
    assert isinstance(outcome, Refusal)
    assert outcome.retry_after == timedelta(seconds=30)


def test_an_offer_repeated_is_the_same_offer() -> None:
    full = taken(NOW + HOLD, NOW + HOLD)
    later = replace(OFFER, expires_at=NOW + timedelta(seconds=60))
    assert ask(later, known=lease(), running=full) == Decision(lease())


def test_an_id_is_not_used_for_two_offers() -> None:
    outcome = ask(replace(OFFER, call=Call("h1", "350102")), known=lease())
    assert isinstance(outcome, Refusal)
    assert outcome.code is codes.OFFER_OTHER_CONTENT


def test_an_offer_that_was_accepted_and_is_over_is_not_accepted_again() -> None:
    outcome = ask(known=replace(lease(), held_until=NOW))
    assert isinstance(outcome, Refusal)
    assert outcome.code is codes.OFFER_EXPIRED


def noted(known: Lease, to: HandoffState, at: datetime, running: Sequence[Taken] = ()) -> Lease:
    outcome = note(known, to, Post(directory(), "350000", running), CALL_HOLD, at)
    assert isinstance(outcome, Decision)
    return outcome.state


def test_a_conversation_holds_its_seat_and_a_notice_renews_it() -> None:
    connected = noted(lease(), HandoffState.CONNECTED, NOW)
    assert connected.held_until == NOW + CALL_HOLD
    assert noted(connected, HandoffState.CONNECTED, NOW + timedelta(minutes=5)).held_until == NOW + timedelta(minutes=65)


@pytest.mark.parametrize("to", [HandoffState.COMPLETED, HandoffState.RETURNED, HandoffState.EXPIRED])
def test_what_is_over_frees_its_seat_at_once_and_stays_over(to: HandoffState) -> None:
    over = noted(lease(), to, NOW)
    assert not over.is_held(NOW)
    assert noted(over, HandoffState.CONNECTED, NOW) == over


def test_a_late_connection_takes_a_seat_only_if_one_is_free() -> None:
    late = NOW + timedelta(minutes=2)
    assert noted(lease(), HandoffState.CONNECTED, late).is_held(late)
    full = taken(late + HOLD, late + HOLD)
    assert not noted(lease(), HandoffState.CONNECTED, late, full).is_held(late)


def test_a_notice_that_makes_no_sense_is_refused() -> None:
    assert isinstance(note(lease(), HandoffState.OFFERED, Post(directory(), "350000", ()), CALL_HOLD, NOW), Refusal)


SKILLED = a_declaration("350100", seats=4, languages=("zh", "ug"), skills=(SkillSeats("", "ug", 1), SkillSeats("03", "", 2)))
KEPT = a_declaration("350100", seats=5, grants=(Grant("360400", 1), Grant("360000", 1, ("03",)), Grant("440000", 2)))
LATER = NOW + HOLD


def of(declaration: Declaration) -> Snapshot:
    return a_snapshot([a_unit(code) for code in ("350100", "360400", "360100", "440300")], [declaration])


def about(topic: str = "", language: str = "zh", source: str = "360400", member: str = "") -> Offer:
    return replace(
        OFFER, call=Call("h1", "350100", topic=topic, language=language), from_unit=source, from_member=member or f"{source[:2]}0000"
    )


def refused(outcome: Decision[Lease] | Refusal) -> Refusal:
    assert isinstance(outcome, Refusal), outcome
    return outcome


def test_a_call_gets_a_seat_only_if_one_with_its_skill_is_free_and_the_refusal_says_which() -> None:
    busy = taken(LATER, language="ug")
    for language in ("ug", "ug-Arab"):
        refusal = refused(ask(about(language=language), running=busy, snapshot=of(SKILLED)))
        assert (refusal.code, refusal.retry_after) == (codes.NO_SEAT_WITH_SKILL, HOLD)
        assert (refusal.params["language"], refusal.params["topic"], refusal.params["seats"]) == ("ug", "*", "1")
    assert isinstance(ask(about(language="zh"), running=busy, snapshot=of(SKILLED)), Decision)
    both = [*taken(LATER, topic="0301"), *taken(LATER, topic="03")]
    refusal = refused(ask(about("0302"), running=both, snapshot=of(SKILLED)))
    assert (refusal.code, refusal.params["topic"]) == (codes.NO_SEAT_WITH_SKILL, "03")
    assert isinstance(ask(about("01"), running=both, snapshot=of(SKILLED)), Decision)


def pool_of(outcome: Decision[Lease] | Refusal) -> str:
    assert isinstance(outcome, Decision), outcome
    return outcome.state.pool


def test_a_call_sits_in_the_narrowest_part_that_is_kept_for_it_and_then_among_everybodys() -> None:
    directory = of(KEPT)
    assert pool_of(ask(about("0301"), snapshot=directory)) == "for 360400"
    own = taken(LATER, pool="for 360400")
    assert pool_of(ask(about("0301"), running=own, snapshot=directory)) == "for 360000 03"
    assert pool_of(ask(about("01"), running=own, snapshot=directory)) == "for *"
    assert pool_of(ask(about(source="360100"), snapshot=directory)) == "for *"


def test_a_call_beyond_what_is_granted_to_its_source_is_refused_though_seats_are_free() -> None:
    full = [*taken(LATER, pool="for 360400"), *taken(NOW + timedelta(seconds=9), pool="for *")]
    refusal = refused(ask(about("01"), running=full, snapshot=of(KEPT)))
    assert (refusal.code, refusal.retry_after) == (codes.SEATS_KEPT, timedelta(seconds=9))
    assert (refusal.params["source"], refusal.params["seats"]) == ("360400", "2")
    assert pool_of(ask(about("01", source="440300"), running=full, snapshot=of(KEPT))) == "for 440000"


def test_a_member_cannot_take_what_is_kept_for_a_unit_that_it_does_not_serve() -> None:
    assert pool_of(ask(about(source="360400", member="440000"), snapshot=of(KEPT))) == "for *"


def test_who_sits_in_a_part_that_is_kept_no_longer_counts_among_everybodys() -> None:
    refusal = refused(ask(about("01", source="360100"), running=taken(LATER, pool="for 110000"), snapshot=of(KEPT)))
    assert refusal.code is codes.SEATS_KEPT


def test_a_seat_that_was_promised_is_given_to_the_holder_and_to_nobody_else() -> None:
    promises = {"360000": (Promise(NOW, LATER, {"all": 2}),)}
    outcome = ask(promises=promises)
    assert isinstance(outcome, Decision)
    assert outcome.state.slot
    refusal = refused(ask(about("01", source="440300"), promises=promises))
    assert (refusal.code, refusal.retry_after) == (codes.NO_SEAT_FREE, HOLD)
    unpromised = ask(about("01", source="440300"))
    assert isinstance(unpromised, Decision)
    assert not unpromised.state.slot


actions = st.tuples(
    st.sampled_from(["ask", "connected", "completed", "returned", "expired", "nothing"]), st.integers(0, 7), st.integers(0, 45)
)


@given(st.integers(0, 3), st.lists(actions, max_size=40))
def test_running_leases_never_exceed_the_seats_and_heal_by_time_alone(seats: int, story: list[tuple[str, int, int]]) -> None:
    """Notices are lost, repeated and reordered at will (`nothing` is a crash); only time passes for certain."""
    leases: dict[str, Lease] = {}
    snapshot, now = directory(seats), NOW
    for action, number, seconds in story:
        now += timedelta(seconds=seconds)
        running = taken(*(held.held_until for held in leases.values() if held.is_held(now)))
        post, name = Post(snapshot, "350000", running), f"h{number}.350100"
        outcome: Decision[Lease] | Refusal | None = None
        if action == "ask":
            offer = replace(OFFER, id=name, call=Call(f"h{number}", "350100"), expires_at=now + HOLD)
            outcome = consider(offer, leases.get(name), post, HOLD, now)
        elif action != "nothing" and name in leases:
            outcome = note(leases[name], HandoffState(action), post, CALL_HOLD, now)
        if isinstance(outcome, Decision):
            leases[name] = outcome.state
        assert sum(held.is_held(now) for held in leases.values()) <= seats
    later = now + CALL_HOLD
    assert not any(held.is_held(later) for held in leases.values())


def test_while_a_unit_moves_its_own_node_and_its_province_s_both_take_calls_for_it_and_nobody_else_does() -> None:
    unit = a_unit("350100")
    for served_by in ("350000", "350100"):
        moving = replace(unit, member=served_by)
        assert [serves(moving, member) for member in ("350000", "350100", "320000", "350200")] == [True, True, False, False]
