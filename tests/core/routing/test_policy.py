"""Rules of units: shares and weights are what they say, weights re-normalise, and every mistake is named."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.core.routing.strategies import NOW

from twelve333.core.coverage.model import DayHours, Grant, Span, Told, Verdict
from twelve333.core.decision import Code
from twelve333.core.routing import codes
from twelve333.core.routing.model import Call, Gap, Queue, Slots, State
from twelve333.core.routing.policy import Action, Policy, Rule, Target, When, by_weight, policies_by_unit
from twelve333.core.routing.policy_rules import check_policy
from twelve333.core.routing.rules import decide
from twelve333.testing.directory import a_declaration, a_snapshot, a_unit

UNITS = [a_unit(code) for code in ("350000", "350100", "350200", "360000", "360400")]
DECLARED = {unit.code: a_declaration(unit.code) for unit in UNITS}
SNAPSHOT = a_snapshot(UNITS)
TO_XIAMEN_AND_PROVINCE = (Target("350200", 3), Target("350000", 1))
FULL = Queue(True, 0, 5, 120, NOW, NOW + timedelta(seconds=5))


def prefer(*targets: Target, **when: object) -> Rule:
    return Rule("share", 10, Action.PREFER, When(**when), targets or TO_XIAMEN_AND_PROVINCE)  # type: ignore[arg-type]


def chosen(rules: tuple[Rule, ...], call: Call, state: State | None = None) -> str:
    route = decide(SNAPSHOT, state or State(), call, NOW, policies_by_unit([Policy("350100", 1, rules)]))
    return route.to_try[0].unit


def counted(rules: tuple[Rule, ...], state: State | None = None, calls: int = 4_000) -> Counter[str]:
    chance = Random(12333)
    return Counter(chosen(rules, Call(str(number), "350100", draw=chance.random()), state) for number in range(calls))


def test_weights_mean_what_they_say() -> None:
    found = counted((prefer(),))
    assert found["350200"] / found["350000"] == pytest.approx(3, rel=0.15)
    assert found["350100"] == 0


def test_weights_are_renormalised_over_those_that_can_answer() -> None:
    rule = prefer(Target("350200", 6), Target("350000", 3), Target("360400", 1))
    found = counted((rule,), State(queues={"350200": FULL}))
    assert found["350000"] / found["360400"] == pytest.approx(3, rel=0.2)
    assert sum(found.values()) == found["350000"] + found["360400"]


def test_a_rule_may_be_for_a_share_of_the_calls() -> None:
    found = counted((prefer(Target("350000"), share_pct=30),))
    assert found["350000"] / sum(found.values()) == pytest.approx(0.3, abs=0.03)
    assert found["350100"] + found["350000"] == sum(found.values())


def test_the_same_draw_always_leads_the_same_way() -> None:
    call = Call("1", "350100", draw=0.7)
    assert chosen((prefer(),), call) == chosen((prefer(),), replace(call, id="2"))


@given(st.lists(st.integers(1, 1_000), min_size=1, max_size=6), st.floats(0, 1, exclude_max=True))
def test_every_target_is_tried_once_whatever_is_drawn(weights: list[int], draw: float) -> None:
    assert sorted(by_weight([(weight, number) for number, weight in enumerate(weights)], draw)) == list(range(len(weights)))


def test_the_rule_with_the_highest_priority_counts_and_is_named() -> None:
    rules = (prefer(Target("350000")), Rule("night", 20, Action.PREFER, When(), (Target("350200"),)))
    route = decide(SNAPSHOT, State(), Call("1", "350100"), NOW, policies_by_unit([Policy("350100", 4, rules)]))
    assert [(each.unit, each.rule) for each in route.candidates] == [("350200", "350100/night"), ("350100", ""), ("350000", "")]
    assert route.policies == (("350100", 4),)


def test_a_unit_refuses_by_a_rule_of_its_own_that_is_named() -> None:
    rule = Rule("no-pensions", 1, Action.REFUSE, When(topics=("01",)))
    route = decide(SNAPSHOT, State(), Call("1", "350100", topic="0102"), NOW, policies_by_unit([Policy("350100", 1, (rule,))]))
    assert (route.candidates[0].verdict, route.candidates[0].rule) == (Verdict.RULE, "350100/no-pensions")
    assert route.to_try[0].unit == "350000"


@pytest.mark.parametrize(
    ("when", "call", "holds"),
    [
        ({"topics": ("01",)}, {"topic": "0102"}, True),
        ({"topics": ("01",)}, {"topic": "02"}, False),
        ({"languages": ("ug",)}, {}, False),
        ({"caller_regions": ("360000",)}, {"caller_region": "360402"}, True),
        ({"caller_regions": ("360000",)}, {"caller_region": "350100"}, False),
        ({"caller_regions": ("360000",)}, {}, False),
        ({"priority_min": 5}, {"priority": 5}, True),
        ({"priority_min": 5}, {"priority": 4}, False),
        ({"windows": (DayHours(5, (Span(0, 960), Span(970, 980))),)}, {}, False),  # NOW is Friday 16:00 in China
        ({"windows": (DayHours(5, (Span(0, 600), Span(950, 980))),)}, {}, True),
    ],
)
def test_all_conditions_of_a_rule_must_hold(when: dict[str, object], call: dict[str, object], holds: bool) -> None:
    assert (chosen((prefer(Target("350000"), **when),), Call("1", "350100", **call)) == "350000") is holds  # type: ignore[arg-type]


def test_a_rule_on_the_queue_holds_only_while_the_unit_tells() -> None:
    rules = (prefer(Target("350000"), waiting_min=5, wait_min_s=60),)
    told = replace(FULL, free=1)
    assert chosen(rules, Call("1", "350100"), State(queues={"350100": told})) == "350000"
    assert chosen(rules, Call("1", "350100"), State(queues={"350100": replace(told, waiting=4)})) == "350100"
    assert chosen(rules, Call("1", "350100"), State(queues={"350100": replace(told, expires_at=NOW)})) == "350100"


@pytest.mark.parametrize(
    ("state", "verdict", "told"),
    [
        (State(queues={"350100": FULL}), Verdict.FULL, Told.FRESH),
        (State(queues={"350100": replace(FULL, expires_at=NOW)}), Verdict.CHOSEN, Told.STALE),
        (State(queues={"350100": replace(FULL, active=False, free=3)}), Verdict.INACTIVE, Told.FRESH),
        (State(slots={"350100": Slots(0, NOW + timedelta(seconds=1))}), Verdict.FULL, Told.NOTHING),
        (State(slots={"350100": Slots(0, NOW)}), Verdict.CHOSEN, Told.NOTHING),
        (State(gapped={"350100": Gap(NOW + timedelta(seconds=1))}), Verdict.RATE, Told.NOTHING),
    ],
)
def test_what_was_told_lately_counts_and_what_is_stale_is_a_state_of_its_own(state: State, verdict: Verdict, told: Told) -> None:
    first = decide(SNAPSHOT, state, Call("1", "350100"), NOW).candidates[0]
    assert (first.verdict, first.told) == (verdict, told)


def test_how_much_was_known_is_said_of_each_call_anew() -> None:
    fresh = replace(FULL, free=1)
    states = [State(queues={"350100": fresh}), State(queues={"350100": replace(fresh, expires_at=NOW)}), State()]
    told = [decide(SNAPSHOT, state, Call("1", "350100"), NOW).candidates[0].told for state in states * 2]
    assert told == [Told.FRESH, Told.STALE, Told.NOTHING] * 2


@pytest.mark.parametrize(
    ("rules", "path", "code"),
    [
        ((prefer(), replace(prefer(), priority=9)), "rules[1].id", codes.RULE_ID_WRONG),
        ((prefer(), replace(prefer(), id="other")), "rules[1].priority", codes.RULE_PRIORITY_TWICE),
        ((replace(prefer(), id="Night Shift"),), "rules[0].id", codes.RULE_ID_WRONG),
        ((replace(prefer(), valid_from=NOW, valid_until=NOW),), "rules[0].valid_until", codes.RULE_NEVER_VALID),
        ((prefer(topics=("养老",)),), "rules[0].when", codes.RULE_CONDITION_WRONG),
        ((prefer(share_pct=0),), "rules[0].when", codes.RULE_CONDITION_WRONG),
        ((prefer(priority_min=10),), "rules[0].when", codes.RULE_CONDITION_WRONG),
        ((replace(prefer(), targets=()),), "rules[0].targets", codes.RULE_TARGETS_WRONG),
        ((replace(prefer(), action=Action.REFUSE),), "rules[0].targets", codes.RULE_TARGETS_WRONG),
        ((prefer(Target("999900")),), "rules[0].targets[0]", codes.RULE_TARGETS_WRONG),
        ((prefer(Target("350200", 0)),), "rules[0].targets[0]", codes.RULE_TARGETS_WRONG),
        ((prefer(Target("360400")),), "rules[0].targets[0]", codes.RULE_TARGET_NOT_AGREED),
    ],
)
def test_every_mistake_in_a_rule_is_named(rules: tuple[Rule, ...], path: str, code: Code) -> None:
    refusal = check_policy(Policy("350100", 0, rules), DECLARED, DECLARED)
    assert refusal is not None
    assert [(violation.path, violation.code) for violation in refusal.violations] == [(path, code)]


def test_calls_go_to_another_province_by_agreement_only() -> None:
    rules = Policy("350100", 0, (prefer(Target("360400")),))
    granting = {**DECLARED, "360400": a_declaration("360400", grants=(Grant("350000", 2),))}
    as_fallback = {**DECLARED, "350100": a_declaration("350100", fallbacks=("360400",))}
    assert check_policy(rules, DECLARED, granting) is None
    assert check_policy(rules, DECLARED, as_fallback) is None
