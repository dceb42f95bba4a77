"""The token bucket: never more than burst and rate allow, never less than promised, and nobody pays for another."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twelve333.core.rpc_limits import AT_ONCE, SPREAD, Bucket, Rate, cost_of, take

RATES = st.builds(Rate, st.floats(0.01, 1_000), st.floats(1, 1_000))
COSTS = st.floats(0.1, 50)
STEPS = st.lists(st.tuples(st.floats(-1, 10), COSTS), min_size=1, max_size=60)
NEAR = 1e-6


PATIENCE = st.floats(0, 5)


@given(RATES, STEPS, PATIENCE)
def test_never_more_begins_than_the_burst_and_the_rate_of_the_time_that_passed(
    rate: Rate, steps: list[tuple[float, float]], patience: float
) -> None:
    bucket, now, granted = None, 0.0, 0.0
    began = latest = steps[0][0]  # when it first asks
    for passed, cost in steps:
        now += passed  # a clock that goes back must gain nothing
        latest = max(latest, now)
        taken = take(bucket, rate, cost, now, patience)
        bucket = taken.bucket
        granted += min(cost, rate.burst) if taken.granted else 0.0
        begins = latest + taken.delay
        assert granted <= (rate.burst + rate.per_second * (begins - began)) * (1 + NEAR)
        assert -patience * rate.per_second * (1 + NEAR) - NEAR <= bucket.tokens <= rate.burst
        assert taken.delay <= patience


@given(RATES, st.floats(0, 1), COSTS)
def test_who_waits_as_long_as_told_is_granted(rate: Rate, share: float, cost: float) -> None:
    refused = take(Bucket(rate.burst * share, 0.0), rate, cost, 0.0)
    later = take(refused.bucket, rate, cost, refused.wait * (1 + NEAR) + NEAR)
    assert refused.granted or later.granted


@given(RATES, COSTS, st.floats(0, 100))
def test_a_refusal_takes_nothing(rate: Rate, cost: float, now: float) -> None:
    empty = take(Bucket(0.0, now), rate, cost, now)
    assert (empty.granted, empty.bucket) == (False, Bucket(0.0, now))


@given(RATES, st.integers(1, 200))
def test_what_is_asked_all_at_once_begins_one_after_another(rate: Rate, count: int) -> None:
    bucket, begins = None, list[float]()
    for _ in range(count):
        taken = take(bucket, rate, 1.0, 0.0, patience=1e9)
        bucket = taken.bucket
        begins.append(taken.delay)
    assert begins == sorted(begins)
    window = SPREAD / 10
    for first in begins:
        together = sum(first <= each < first + window for each in begins)
        assert together <= (AT_ONCE + rate.pace * window) * (1 + NEAR) + 2


@given(RATES, COSTS)
def test_a_new_caller_is_granted_its_first_call_whatever_it_costs(rate: Rate, cost: float) -> None:
    assert take(None, rate, cost, 5.0).granted


@pytest.mark.parametrize(("size", "cost"), [(0, 1.0), (64 * 1024 - 1, 1.0), (64 * 1024, 2.0), (1024 * 1024, 17.0)])
def test_a_large_request_costs_more(size: int, cost: float) -> None:
    assert cost_of(size) == cost
