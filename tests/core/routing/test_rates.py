"""Overload said aloud: the sum of what sources send never exceeds what a unit admits, and it is divided fairly."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twelve333.core.coverage.model import Verdict
from twelve333.core.routing.model import Call, Gap, State
from twelve333.core.routing.rates import BURST, DELAY_MAX, FOR_ALL, Ceiling, Gapped, Gaps, Part, Told, Wish, divide, with_reserve
from twelve333.core.routing.rules import decide
from twelve333.testing.directory import a_snapshot, a_unit

NOW = datetime(2014, 1, 24, 2, 0, tzinfo=UTC)
LIFETIME = timedelta(seconds=5)
UNIT = "350100"
SOURCES = [f"{number}0000" for number in range(11, 19)]
LONG = NOW + timedelta(hours=1)


def as_usual(per_minute: float) -> Ceiling:
    return with_reserve([Ceiling("", per_minute)])[0]


def rates(per_minute: float, wanted: dict[str, float], told: dict[str, list[Told]]) -> dict[str, float]:
    return {
        name: part.per_minute
        for name, part in divide(as_usual(per_minute), {it: Wish(want) for it, want in wanted.items()}, told, NOW).items()
    }


def test_a_quiet_source_has_its_part_and_the_rest_goes_as_evenly_as_what_each_wants() -> None:
    shares = rates(60, {"110000": 100.0, "120000": 100.0, "130000": 5.0, "140000": 0.0}, {})
    assert sum(shares.values()) == pytest.approx(60)
    assert shares["140000"] == pytest.approx(3.0)  # a fifth of 60 is divided alike
    assert shares["130000"] == pytest.approx(5.0)
    assert shares["110000"] == shares["120000"] == pytest.approx(26.0)


def test_a_source_gets_more_only_once_the_other_can_no_longer_believe_the_old_figure() -> None:
    told = {"110000": [Told(50.0, NOW + LIFETIME)], "120000": [Told(10.0, NOW + LIFETIME)]}
    wanted = {"110000": Wish(0.0), "120000": Wish(100.0)}
    first = {name: part.per_minute for name, part in divide(as_usual(60), wanted, told, NOW).items()}
    assert first == pytest.approx({"110000": 6.0, "120000": 10.0})
    told["110000"].append(Told(first["110000"], NOW + LIFETIME * 2))
    assert divide(as_usual(60), wanted, told, NOW + LIFETIME)["120000"].per_minute == pytest.approx(54.0)


ceilings = st.builds(lambda rate, pct: with_reserve([Ceiling("", rate)], pct)[0], st.floats(0, 1000), st.integers(0, 100))
wishes = st.builds(lambda usual, priority: Wish(usual + priority, priority), st.floats(0, 1000), st.floats(0, 1000))


@given(
    ceilings,
    st.dictionaries(st.sampled_from(SOURCES), wishes, min_size=1),
    st.dictionaries(st.sampled_from(SOURCES), st.lists(st.floats(0, 200), max_size=2), max_size=4),
)
def test_what_is_told_and_what_may_still_be_believed_is_never_more_than_what_is_admitted(
    admitted: Ceiling, wanted: dict[str, Wish], before: dict[str, list[float]]
) -> None:
    told = {name: [Told(each, NOW + LIFETIME) for each in ones] for name, ones in before.items()}
    believed = {name: max((one.per_minute for one in ones), default=0.0) for name, ones in told.items()}
    after = divide(admitted, wanted, told, NOW)
    total = sum(max(believed.get(name, 0.0), after[name].per_minute if name in after else 0.0) for name in {*believed, *after})
    assert total <= max(admitted.per_minute, sum(believed.values())) * (1 + 1e-9) + 1e-9
    assert all(0 <= part.priority <= part.per_minute for part in after.values())


@given(ceilings, st.dictionaries(st.sampled_from(SOURCES), wishes, min_size=1))
def test_priority_calls_get_their_part_of_the_reserve_whatever_usual_calls_are_wanted(admitted: Ceiling, wanted: dict[str, Wish]) -> None:
    reserve, asking = admitted.priority, sum(1 for wish in wanted.values() if wish.priority)
    for name, part in divide(admitted, wanted, {}, NOW).items():
        assert part.priority >= min(wanted[name].priority, reserve / max(asking, 1)) * (1 - 1e-9) - 1e-9


@given(ceilings, st.dictionaries(st.sampled_from(SOURCES), wishes, min_size=1))
def test_each_source_keeps_at_least_the_part_of_its_rate_that_the_unit_declares_and_where_that_is_none_keeps_nothing(
    admitted: Ceiling, wanted: dict[str, Wish]
) -> None:
    for part in divide(admitted, wanted, {}, NOW).values():
        assert part.priority * admitted.per_minute >= part.per_minute * admitted.priority * (1 - 1e-9) - 1e-9
        assert admitted.priority or not part.priority


@given(st.floats(1, 1000), st.dictionaries(st.sampled_from(SOURCES), st.floats(0, 1000), min_size=1))
def test_a_reserve_that_nobody_wants_is_lent_to_usual_calls(rate: float, wanted: dict[str, float]) -> None:
    shares = rates(rate, wanted, {})
    assert sum(shares.values()) == pytest.approx(rate)
    level = rate * (1 - FOR_ALL) / len(wanted)
    assert all(shares[name] >= min(want, level) * (1 - 1e-9) for name, want in wanted.items())


@pytest.mark.parametrize("seed", range(8))
def test_the_calls_of_all_sources_together_keep_to_the_rate_whatever_is_lost_or_late(seed: int) -> None:
    """Second by second: the unit tells, messages are lost or late within bounds, demand jumps about."""
    chance, rate = Random(seed), 120.0
    gaps = {source: Gaps() for source in SOURCES}
    told: dict[str, list[Told]] = {source: [] for source in SOURCES}
    on_the_way: list[tuple[datetime, str, Part]] = []
    sent: list[datetime] = []
    wanted = dict.fromkeys(SOURCES, Wish(0.0))
    for second in range(240):
        now = NOW + timedelta(seconds=second)
        if second % 20 == 0:
            usual = {source: chance.choice((0.0, 2.0, 40.0, 200.0)) for source in SOURCES}
            first = {source: chance.choice((0.0, 0.0, 3.0, 60.0)) for source in SOURCES}
            wanted = {source: Wish(usual[source] + first[source], first[source]) for source in SOURCES}
        for source, part in divide(as_usual(rate), wanted, told, now).items():
            told[source] = [one for one in told[source] if one.until > now] + [Told(part.per_minute, now + LIFETIME + DELAY_MAX)]
            if chance.random() < 0.7:
                on_the_way.append((now + chance.random() * DELAY_MAX, source, part))
        for at, source, part in sorted(one for one in on_the_way if one[0] <= now):
            gaps[source].tell(UNIT, [Ceiling("", *part)], at + LIFETIME, now)
        on_the_way = [one for one in on_the_way if one[0] > now]
        for source in SOURCES:
            for priority in (False, True):
                wish = wanted[source].priority if priority else wanted[source].per_minute - wanted[source].priority
                for _ in range(round(wish / 60 + chance.random())):
                    if gaps[source].rates(now) and gaps[source].until(UNIT, "", now, priority=priority) is None:
                        gaps[source].spend(UNIT, "", now, priority=priority)
                        sent.append(now)
    assert len(sent) > 60, "the rate is used"
    keeps_to(rate, sent)


def keeps_to(rate: float, sent: list[datetime]) -> None:
    """Whatever the window, no more calls come than the rate allows and each source may be ahead: by two calls if not more."""
    allowed = BURST.total_seconds()
    for window in (10, 60, 200):
        for start in range(0, 240 - window, 7):
            since = NOW + timedelta(seconds=start)
            calls = sum(since <= at < since + timedelta(seconds=window) for at in sent)
            assert calls <= rate / 60 * (window + allowed) + 2 * len(SOURCES), (window, start, calls)


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
    assert dict(Gapped(gaps, Call("h1", UNIT, topic="0301"), NOW)) == {UNIT: Gap(NOW + timedelta(seconds=10))}
    other = Gapped(gaps, Call("h1", UNIT, topic="01"), NOW)
    assert (other.get(UNIT), len(other)) == (None, 0)


@given(
    st.floats(0.5, 600),
    st.floats(0, 1),
    st.lists(st.tuples(st.floats(0, 20), st.booleans()), min_size=1, max_size=150),
)
def test_one_source_keeps_to_its_rate_in_any_window_with_priority_calls_and_without(
    rate: float, part: float, calls: list[tuple[float, bool]]
) -> None:
    gaps, now, sent = Gaps(), NOW, list[datetime]()
    gaps.tell(UNIT, [Ceiling("", rate, rate * part)], LONG, NOW)
    for seconds, priority in calls:
        now += timedelta(seconds=seconds)
        if gaps.until(UNIT, "", now, priority=priority) is None:
            gaps.spend(UNIT, "", now, priority=priority)
            sent.append(now)
    for first, since in enumerate(sent):
        for last in range(first, len(sent)):
            window = (sent[last] - since + BURST).total_seconds()
            assert last - first + 1 <= rate / 60 * window + 2 + 1e-6


@given(st.floats(1, 600), st.floats(0.05, 1), st.lists(st.floats(0, 5), min_size=1, max_size=60), st.integers(0, 20))
def test_a_priority_call_within_the_reserve_passes_whatever_other_calls_do(
    rate: float, part: float, waits: list[float], others: int
) -> None:
    gaps, now, kept = Gaps(), NOW, rate * part
    gaps.tell(UNIT, [Ceiling("", rate, kept)], LONG, NOW)
    for seconds in waits:
        now += timedelta(minutes=1) / kept + timedelta(seconds=seconds)
        for _ in range(others):
            if gaps.until(UNIT, "", now) is None:
                gaps.spend(UNIT, "", now)
        if now < LONG:
            assert gaps.until(UNIT, "", now, priority=True) is None
            gaps.spend(UNIT, "", now, priority=True)


@pytest.mark.parametrize("asks", [(False,), (False, True), (True,)])
def test_usual_calls_have_all_that_priority_calls_leave_and_who_calls_all_urgent_gains_no_more_than_the_reserve(
    asks: tuple[bool, ...],
) -> None:
    gaps, sent = Gaps(), dict.fromkeys((False, True), 0)
    gaps.tell(UNIT, [Ceiling("", 60, 12)], LONG, NOW)
    for second in range(600):
        now = NOW + timedelta(seconds=second)
        for priority in asks * 3:
            if gaps.until(UNIT, "", now, priority=priority) is None:
                gaps.spend(UNIT, "", now, priority=priority)
                sent[priority] += 1
    assert sum(sent.values()) == pytest.approx(600, abs=8)
    if asks == (False, True):  # usual calls come first each time, so they have what is not reserved
        assert sent[True] == pytest.approx(120, abs=4)


def test_a_rate_next_to_nothing_gaps_as_long_as_it_is_believed() -> None:
    gaps = Gaps()
    for rate in (5e-324, 1e-300, 60.0, 1e-9):
        gaps.tell(UNIT, [Ceiling("", rate, rate)], LONG, NOW)
        gaps.spend(UNIT, "", NOW, priority=True)
    assert gaps.until(UNIT, "", NOW) == gaps.until(UNIT, "", NOW, priority=True) == LONG


def test_a_decision_lets_a_priority_call_take_the_reserve_and_says_so() -> None:
    gaps, snapshot = Gaps(timedelta()), a_snapshot([a_unit(UNIT), a_unit("350000")])
    gaps.tell(UNIT, [Ceiling("", 60, 12)], LONG, NOW)

    def first(priority: int) -> tuple[Verdict, bool]:
        call = Call("h1", UNIT, priority=priority)
        candidate = decide(snapshot, State(gapped=Gapped(gaps, call, NOW)), call, NOW).candidates[0]
        return candidate.verdict, candidate.reserved

    assert first(0) == first(1) == (Verdict.CHOSEN, False)
    gaps.spend(UNIT, "", NOW)
    assert first(0) == (Verdict.RATE, True)
    assert first(1) == (Verdict.CHOSEN, True)
    gaps.spend(UNIT, "", NOW, priority=True)
    assert first(0) == first(1) == (Verdict.RATE, False)


@pytest.mark.parametrize(
    "ceiling", [Ceiling("!", 1), Ceiling("", -1), Ceiling("", float("nan")), Ceiling("", float("inf")), Ceiling("", 1, 2)]
)
def test_a_rate_that_cannot_be_is_not_sound(ceiling: Ceiling) -> None:
    assert not ceiling.is_sound
