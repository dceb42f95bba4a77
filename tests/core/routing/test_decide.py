"""Where a call goes: total, deterministic, explained, never to a unit that was rejected or visited, and as an independent oracle says."""

from __future__ import annotations

from datetime import datetime, timedelta
from random import Random

import pytest
from hypothesis import given, settings
from tests.core.routing.oracle import Oracle
from tests.core.routing.strategies import CODES, NOW, calls, directories, states, times
from tests.core.routing.worlds import CALENDAR, questions, world

from twelve333.core.coverage.model import Declaration, Relation, Verdict
from twelve333.core.coverage.snapshot import Snapshot
from twelve333.core.registration.model import Unit
from twelve333.core.routing.model import A_CASE, Call, LastResort, LastResortKind, State
from twelve333.core.routing.policy import policies_by_unit
from twelve333.core.routing.rules import check_call, decide
from twelve333.testing.directory import a_declaration, a_snapshot, a_unit

Directory = tuple[list[Unit], list[Declaration], set[str]]
NOTHING_OBSERVED = State()
UNITS = [a_unit(code) for code in ("350000", "350100", "360000", "360400")]


COMPARISONS, SLOW_COMPARISONS, CALLS_A_WORLD = 5_000, 200_000, 20


def compare(comparisons: int, seed: int) -> None:
    """Decide random calls and ask the oracle; the seed gives a failure back."""
    chance = Random(seed)
    verdicts_seen, lasts_seen, relations_seen = set[str](), set[str](), set[str]()
    reserved_seen = set[str]()
    for _ in range(comparisons // CALLS_A_WORLD):
        made = world(chance)
        snapshot, policies = Snapshot.of(7, made.units, made.declarations, made.members, CALENDAR), policies_by_unit(made.policies)
        for call, state, now in questions(chance, CALLS_A_WORLD):
            route = decide(snapshot, state, call, now, policies)
            expected, last = Oracle(made, state, call, now).where()
            found = [(c.unit, c.relation.value, c.verdict.value, c.rule, c.reserved) for c in route.candidates]
            assert found == expected, (made, call, state, now)
            assert (route.last_resort.kind.value, route.last_resort.unit) == last, (made, call, state, now)
            verdicts_seen |= {verdict for _, _, verdict, _, _ in expected}
            relations_seen |= {relation for _, relation, _, _, _ in expected}
            reserved_seen |= {verdict for _, _, verdict, _, reserved in expected if reserved}
            lasts_seen.add(last[0])
    # Agreement says little if the random worlds never come to some of the answers.
    assert verdicts_seen == {verdict.value for verdict in Verdict}
    assert relations_seen == {relation.value for relation in Relation}
    assert reserved_seen == {"chosen", "eligible", "rate"}
    assert lasts_seen == {kind.value for kind in LastResortKind}


def test_it_agrees_with_a_brute_force_oracle_on_five_thousand_random_calls() -> None:
    compare(COMPARISONS, 12333)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_it_agrees_with_a_brute_force_oracle_on_two_hundred_thousand_random_calls() -> None:
    compare(SLOW_COMPARISONS, 366)


@settings(max_examples=100, deadline=None)
@given(directories(), states, calls, times)
def test_it_is_total_and_deterministic_and_never_takes_a_rejected_or_visited_unit(
    directory: Directory, state: State, call: Call, now: datetime
) -> None:
    units, declarations, members = directory
    route = decide(Snapshot.of(7, units, declarations, members), state, call, now)
    again = decide(Snapshot.of(7, reversed(units), reversed(declarations), members), state, call, now)
    assert route == again
    assert len({c.unit for c in route.candidates}) == len(route.candidates)
    assert sum(c.verdict is Verdict.CHOSEN for c in route.candidates) == bool(route.to_try)
    assert not {c.unit for c in route.to_try} & set(call.visited)
    assert route.last_resort.unit not in call.visited
    assert (route.version, route.decided_at, route.call) == (7, now, call)


def verdicts(call: Call, state: State = NOTHING_OBSERVED, **declared: object) -> dict[str, Verdict]:
    declarations = [a_declaration(unit.code, **(declared if unit.code == "350100" else {})) for unit in UNITS]
    return {c.unit: c.verdict for c in decide(a_snapshot(UNITS, declarations), state, call, NOW).candidates}


def test_the_place_asked_about_counts_not_the_place_called_from() -> None:
    assert verdicts(Call("1", "350100", caller_region="360400")) == {"350100": Verdict.CHOSEN, "350000": Verdict.ELIGIBLE}


def test_a_unit_that_had_the_call_is_never_asked_again() -> None:
    assert verdicts(Call("1", "350100", visited=("350100",))) == {"350100": Verdict.LOOP, "350000": Verdict.CHOSEN}


def test_crossed_forwards_end_by_identity() -> None:
    declarations = [a_declaration("350100", fallbacks=("360400",)), a_declaration("360400", fallbacks=("350100",))]
    snapshot = a_snapshot([a_unit("350100"), a_unit("360400")], declarations)
    route = decide(snapshot, State(), Call("1", "350100", visited=("350100", "360400")), NOW)
    assert route.to_try == ()
    assert route.last_resort == A_CASE


def test_after_five_hops_nobody_is_asked_any_more() -> None:
    assert set(verdicts(Call("1", "350100", visited=tuple(CODES[2:]))).values()) == {Verdict.HOP_LIMIT}


def test_a_member_that_did_not_answer_is_left_alone_until_its_breaker_closes() -> None:
    call = Call("1", "350100")
    assert set(verdicts(call, State(unreachable={"350000": NOW + timedelta(seconds=1)})).values()) == {Verdict.UNREACHABLE}
    assert verdicts(call, State(unreachable={"350000": NOW}))["350100"] is Verdict.CHOSEN


def test_a_unit_that_refused_is_left_alone_for_as_long_as_it_asked() -> None:
    call = Call("1", "350100")
    assert verdicts(call, State(refused={"350100": NOW + timedelta(seconds=5)}))["350100"] is Verdict.RECENTLY_REFUSED
    assert verdicts(call, State(refused={"350100": NOW - timedelta(seconds=5)}))["350100"] is Verdict.CHOSEN


def test_a_unit_whose_member_has_no_node_is_not_asked() -> None:
    snapshot = Snapshot.of(1, [a_unit("350100")], [a_declaration("350100")], [])
    assert [c.verdict for c in decide(snapshot, State(), Call("1", "350100"), NOW).candidates] == [Verdict.NO_NODE]


def test_last_resort_is_voicemail_then_callback_then_a_case() -> None:
    units = [a_unit("350000"), a_unit("350100")]
    call = Call("1", "350100", topic="01")

    def last(**declared: object) -> LastResort:
        snapshot = a_snapshot(units, [a_declaration("350000", topics=("02",)), a_declaration("350100", **declared)])
        return decide(snapshot, State(), call, NOW).last_resort

    assert last(voicemail=True) == LastResort(LastResortKind.VOICEMAIL, "350100")
    assert last() == LastResort(LastResortKind.CALLBACK, "350100")
    assert last(topics=("02",), voicemail=True) == A_CASE


@pytest.mark.parametrize(
    ("call", "code"),
    [
        (Call("1", "35"), "COMMON_UNIT_CODE_MALFORMED"),
        (Call("1", "350100", caller_region="x"), "COMMON_UNIT_CODE_MALFORMED"),
        (Call("1", "350100", visited=("x",)), "COMMON_UNIT_CODE_MALFORMED"),
        (Call("1", "350100", topic="?"), "COVERAGE_TOPIC_MALFORMED"),
        (Call("1", "350100", language="?"), "COVERAGE_LANGUAGE_MALFORMED"),
        (Call("1", "350100", visited=("350000",) * 6), "ROUTING_HOPS_TOO_MANY"),
    ],
)
def test_a_malformed_call_is_refused(call: Call, code: str) -> None:
    refusal = check_call(call)
    assert refusal is not None
    assert refusal.code.name == code


def test_a_sound_call_is_accepted() -> None:
    assert check_call(Call("1", "350100", "360400", "0101", "zh", ("360400",))) is None
