"""Crossed forwards are found where they are published: rules that lead back to where they began, over other rules and fallbacks."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twelve333.core.coverage.claims import Claim, declared_claims
from twelve333.core.coverage.model import DayHours, FallbackRule, FallbackWhen, Span
from twelve333.core.routing.forwards import forward_rings
from twelve333.core.routing.policy import Action, Policy, Rule, Target, When
from twelve333.testing.directory import a_declaration, a_unit

A, B, C = "350100", "350200", "350300"
MORNING = tuple(DayHours(weekday, (Span(480, 720),)) for weekday in range(1, 8))
AFTERNOON = tuple(DayHours(weekday, (Span(720, 1080),)) for weekday in range(1, 8))
NEW_YEAR = datetime(2027, 1, 1, tzinfo=UTC)


def claims(**fallbacks: FallbackRule) -> dict[str, Claim]:
    """Three units; `b=FallbackRule(A)` makes A a fallback of B."""
    rules = {{"a": A, "b": B, "c": C}[name]: rule for name, rule in fallbacks.items()}
    declared = []
    for code in (A, B, C):
        rule = rules.get(code)
        own = {"fallbacks": (rule.unit,), "fallback_rules": (rule,)} if rule else {"fallbacks": ()}
        declared.append(a_declaration(code, **own))
    return declared_claims({code: a_unit(code) for code in (A, B, C)}, declared)


def prefer(unit: str, target: str, when: When = When(), **limits: datetime) -> Policy:  # noqa: B008
    return Policy(unit, 1, (Rule("r", 1, Action.PREFER, when, (Target(target),), **limits),))


def rings(policy: Policy, *others: Policy, **fallbacks: FallbackRule) -> list[tuple[int, tuple[str, ...]]]:
    return list(forward_rings(policy, others, claims(**fallbacks)))


def test_two_units_that_prefer_each_other_are_a_ring() -> None:
    assert rings(prefer(A, B), prefer(B, A)) == [(0, (A, B))]


def test_a_ring_over_three_units_and_one_over_a_fallback_are_found() -> None:
    assert rings(prefer(A, B), prefer(B, C), prefer(C, A)) == [(0, (A, B, C))]
    assert rings(prefer(A, B), b=FallbackRule(A)) == [(0, (A, B))]
    assert rings(prefer(A, B), prefer(B, C), c=FallbackRule(A, FallbackWhen.BUSY)) == [(0, (A, B, C))]


def test_what_leads_nowhere_or_round_elsewhere_is_no_ring_of_this_unit() -> None:
    assert rings(prefer(A, B)) == []
    assert rings(prefer(A, B), prefer(B, C)) == []
    assert rings(prefer(A, B), prefer(B, C), prefer(C, B)) == [], "that is the ring of others, and was refused to them"


@pytest.mark.parametrize(
    ("one", "other", "crosses"),
    [
        (When(topics=("08",)), When(topics=("0802",)), True),
        (When(topics=("0801",)), When(topics=("0802",)), False),
        (When(languages=("zh",)), When(languages=("ug",)), False),
        (When(languages=("zh",)), When(), True),
        (When(caller_regions=("360000",)), When(caller_regions=("360400",)), True),
        (When(caller_regions=("360000",)), When(caller_regions=("320000",)), False),
        (When(windows=MORNING), When(windows=AFTERNOON), False),
        (When(windows=MORNING), When(), True),
        (When(waiting_min=10), When(waiting_min=10), True),
        (When(share_pct=10), When(share_pct=10), True),
    ],
)
def test_a_ring_counts_only_if_all_its_parts_can_hold_for_one_call(one: When, other: When, crosses: bool) -> None:
    assert bool(rings(prefer(A, B, one), prefer(B, A, other))) is crosses


def test_rules_that_are_never_valid_together_do_not_cross() -> None:
    assert rings(prefer(A, B, valid_until=NEW_YEAR), prefer(B, A, valid_from=NEW_YEAR)) == []


def test_a_fallback_outside_hours_does_not_cross_a_rule_within_them() -> None:
    opened = a_declaration(A).hours.weekly
    within = When(windows=opened)
    assert rings(prefer(A, B, within), b=FallbackRule(A, FallbackWhen.CLOSED)) == []
    assert rings(prefer(A, B, within), b=FallbackRule(A, FallbackWhen.BUSY)) == [(0, (A, B))]


@given(st.dictionaries(st.sampled_from([A, B, C]), st.sampled_from([A, B, C]), min_size=1))
def test_without_conditions_it_finds_what_following_by_hand_finds(forwards: dict[str, str]) -> None:
    forwards = {unit: target for unit, target in forwards.items() if unit != target}
    policies = {unit: prefer(unit, target) for unit, target in forwards.items()}
    for unit, policy in policies.items():
        at, seen = forwards[unit], [unit]
        while at not in seen and at in forwards:
            seen.append(at)
            at = forwards[at]
        assert bool(rings(policy, *(other for code, other in policies.items() if code != unit))) is (at == unit)
