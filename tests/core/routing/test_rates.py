"""Overload said aloud: the sum of what sources send never exceeds what a unit admits, and it is divided fairly."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twelve333.core.routing.model import Call
from twelve333.core.routing.rates import BURST, DELAY_MAX, Ceiling, Gapped, Gaps, Told, divide

NOW = datetime(2014, 1, 24, 2, 0, tzinfo=UTC)
LIFETIME = timedelta(seconds=5)
UNIT = "350100"
SOURCES = [f"{number}0000" for number in range(11, 19)]
LONG = NOW + timedelta(hours=1)


def test_a_quiet_source_has_its_part_and_the_rest_goes_as_evenly_as_what_each_wants() -> None:
    wanted = {"110000": 100.0, "120000": 100.0, "130000": 5.0, "140000": 0.0}
    shares = divide(60, wanted, {}, NOW)
    assert sum(shares.values()) == pytest.approx(60)
    assert shares["140000"] == pytest.approx(3.0)  # a fifth of 60 is divided alike
    assert shares["130000"] == pytest.approx(5.0)
    assert shares["110000"] == shares["120000"] == pytest.approx(26.0)


def test_a_source_gets_more_only_once_the_other_can_no_longer_believe_the_old_figure() -> None:
    told = {"110000": [Told(50.0, NOW + LIFETIME)], "120000": [Told(10.0, NOW + LIFETIME)]}
    wanted = {"110000": 0.0, "120000": 100.0}
    first = divide(60, wanted, told, NOW)
    assert first == pytest.approx({"110000": 6.0, "120000": 10.0})
    told["110000"].append(Told(first["110000"], NOW + LIFETIME * 2))
    assert divide(60, wanted, told, NOW + LIFETIME)["120000"] == pytest.approx(54.0)


@given(
    st.floats(0, 1000),
    st.dictionaries(st.sampled_from(SOURCES), st.floats(0, 1000), min_size=1),
    st.dictionaries(st.sampled_from(SOURCES), st.lists(st.floats(0, 200), max_size=2), max_size=4),
)
def test_what_is_told_and_what_may_still_be_believed_is_never_more_than_what_is_admitted(
    rate: float, wanted: dict[str, float], before: dict[str, list[float]]
) -> None:
    told = {name: [Told(each, NOW + LIFETIME) for each in rates] for name, rates in before.items()}
    believed = {name: max((one.per_minute for one in ones), default=0.0) for name, ones in told.items()}
    after = divide(rate, wanted, told, NOW)
    total = sum(max(believed.get(name, 0.0), after.get(name, 0.0)) for name in {*believed, *after})
    assert total <= max(rate, sum(believed.values())) * (1 + 1e-9) + 1e-9


@pytest.mark.parametrize("seed", range(8))
def test_the_calls_of_all_sources_together_keep_to_the_rate_whatever_is_lost_or_late(seed: int) -> None:
    """Second by second: the unit tells, messages are lost or late within bounds, demand jumps about."""
    chance, rate = Random(seed), 120.0
    gaps = {source: Gaps() for source in SOURCES}
    told: dict[str, list[Told]] = {source: [] for source in SOURCES}
    on_the_way: list[tuple[datetime, str, float]] = []
    sent: list[datetime] = []
    wanted = dict.fromkeys(SOURCES, 0.0)
    for second in range(240):
        now = NOW + timedelta(seconds=second)
        if second % 20 == 0:
            wanted = {source: chance.choice((0.0, 2.0, 40.0, 200.0)) for source in SOURCES}
        for source, share in divide(rate, wanted, told, now).items():
            told[source] = [one for one in told[source] if one.until > now] + [Told(share, now + LIFETIME + DELAY_MAX)]
            if chance.random() < 0.7:
                on_the_way.append((now + chance.random() * DELAY_MAX, source, share))
        for at, source, share in sorted(one for one in on_the_way if one[0] <= now):
            gaps[source].tell(UNIT, [Ceiling("", share)], at + LIFETIME, now)
        on_the_way = [one for one in on_the_way if one[0] > now]
        for source in SOURCES:
            for _ in range(round(wanted[source] / 60 + chance.random())):
                heard = gaps[source].rates(now)
                if heard and gaps[source].until(UNIT, "", now) is None:
                    gaps[source].spend(UNIT, "", now)
                    sent.append(now)
    assert len(sent) > 60, "the rate is used"
    keeps_to(rate, sent)


def keeps_to(rate: float, sent: list[datetime]) -> None:
    """Whatever the window, no more calls come than the rate allows and each source may be ahead."""
    allowed = BURST.total_seconds()
    for window in (10, 60, 200):
        for start in range(0, 240 - window, 7):
            since = NOW + timedelta(seconds=start)
            calls = sum(since <= at < since + timedelta(seconds=window) for at in sent)
            assert calls <= rate / 60 * (window + allowed) + len(SOURCES), (window, start, calls)


def test_what_is_ahead_of_a_rate_counts_at_the_next_one() -> None:
    gaps = Gaps(timedelta())
    gaps.tell(UNIT, [Ceiling("", 1)], LONG, NOW)
    gaps.spend(UNIT, "", NOW)
    gaps.tell(UNIT, [Ceiling("", 60)], LONG, NOW + timedelta(seconds=30))
    assert gaps.until(UNIT, "", NOW + timedelta(seconds=30)) == NOW + timedelta(seconds=30.5)


def test_calls_about_a_topic_keep_to_its_rate_and_to_that_of_all() -> None:
    gaps = Gaps(timedelta())
    gaps.tell(UNIT, [Ceiling("", 60), Ceiling("03", 6)], LONG, NOW)
    gaps.spend(UNIT, "0301", NOW)
    assert gaps.until(UNIT, "0302", NOW) == NOW + timedelta(seconds=10)
    assert gaps.until(UNIT, "01", NOW) == NOW + timedelta(seconds=1)
    assert gaps.until(UNIT, "01", NOW + timedelta(seconds=1)) is None
    assert gaps.until("350200", "01", NOW) is None


def test_a_unit_that_admits_nothing_is_gapped_as_long_as_that_is_believed() -> None:
    gaps = Gaps()
    gaps.tell(UNIT, [Ceiling("", 0)], NOW + LIFETIME, NOW)
    assert gaps.until(UNIT, "01", NOW) == NOW + LIFETIME
    assert gaps.until(UNIT, "01", NOW + LIFETIME) is None
    gaps.forget(NOW + LIFETIME)
    assert gaps.rates(NOW) == {}


def test_a_decision_sees_what_is_gapped_for_its_own_topic() -> None:
    gaps = Gaps(timedelta())
    gaps.tell(UNIT, [Ceiling("03", 6)], LONG, NOW)
    gaps.spend(UNIT, "03", NOW)
    assert dict(Gapped(gaps, Call("h1", UNIT, topic="0301"), NOW)) == {UNIT: NOW + timedelta(seconds=10)}
    other = Gapped(gaps, Call("h1", UNIT, topic="01"), NOW)
    assert (other.get(UNIT), len(other)) == (None, 0)


@pytest.mark.parametrize("ceiling", [Ceiling("!", 1), Ceiling("", -1), Ceiling("", float("nan")), Ceiling("", float("inf"))])
def test_a_rate_that_cannot_be_is_not_sound(ceiling: Ceiling) -> None:
    assert not ceiling.is_sound
