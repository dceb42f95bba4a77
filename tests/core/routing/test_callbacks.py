"""The line of callbacks is fair: places are kept, priority is a bounded start, nobody starves, never more open than seats are free."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twelve333.core.decision import Decision, Refusal
from twelve333.core.routing import codes
from twelve333.core.routing.callbacks import (
    HEAD_START,
    HELD_FOR,
    HOLDS,
    MISSES_MAX,
    OFFERED_AFTER_MISSES,
    OLDEST,
    PAUSE_AFTER_MISS,
    RINGS_FOR,
    Callback,
    CallbackState,
    Wish,
    check_wish,
    enter,
    finish,
    miss,
    next_in_line,
    offer_by_itself,
    run_out,
    take_callback,
)
from twelve333.core.routing.model import PRIORITY_MAX, Call, LastResortKind

NOW = datetime(2014, 1, 24, 8, 0, tzinfo=UTC)


def free(_: Callback) -> str | None:
    return ""


def full(_: Callback) -> str | None:
    return None


def callback(name: str, entered: datetime = NOW, priority: int = 0) -> Callback:
    return Callback(Call(name, "350100", priority=priority), "360400", "360000", "350100", LastResortKind.CALLBACK, entered)


def kept(outcome: Decision[Callback] | Refusal) -> Callback:
    assert isinstance(outcome, Decision), outcome
    return outcome.state


def missed(one: Callback, times: int, now: datetime = NOW) -> Callback:
    for _ in range(times):
        one = kept(miss(kept(take_callback(one, "desk-1", "t", now)), "desk-1", now))
    return one


@dataclass
class Unit:
    """A unit as its node runs it: so many seats, calls that hold some, the line; every change is checked against what is promised."""

    seats: int
    now: datetime = NOW
    calls: int = 0
    line: dict[str, Callback] = field(default_factory=dict)

    @property
    def free(self) -> int:
        return self.seats - self.calls - sum(each.state in HOLDS for each in self.line.values())

    def seat(self, _: Callback) -> str | None:
        return "" if self.free > 0 else None

    def put(self, changed: Callback) -> None:
        self.line[changed.call.id] = changed
        assert self.free >= 0, "more open than seats are free"

    def step(self, what: str, number: int) -> None:
        open_ones = [each for each in self.line.values() if each.state is CallbackState.OPEN]
        if what == "enter":
            self.put(callback(f"c{len(self.line)}", self.now, number % (PRIORITY_MAX + 1)))
        elif what == "call":
            self.calls += self.free > 0
        elif what == "hang up":
            self.calls = max(0, self.calls - 1)
        elif what == "wait":
            self.now += timedelta(minutes=number % 20)
        elif what == "take":
            self.take()
        elif what in ("done", "miss") and open_ones:
            one = open_ones[number % len(open_ones)]
            self.put(kept(finish(one, "desk") if what == "done" else miss(one, "desk", self.now)))
        elif what == "sweep":
            self.sweep()

    def take(self) -> None:
        first = next_in_line(self.line.values(), self.seat, self.now)
        if first is None:
            assert self.free <= 0 or not [each for each in self.line.values() if self.due(each)], "a seat is free and nobody is served"
            return
        earlier = [each for each in self.line.values() if self.due(each) and each.turn < first.turn]
        assert not earlier or self.free <= 0, "somebody was passed over"
        self.put(kept(take_callback(first, "desk", f"t{self.now}", self.now)))

    def due(self, each: Callback) -> bool:
        return each.state is CallbackState.RINGING or (
            each.state is CallbackState.WAITING and (each.not_before is None or each.not_before <= self.now)
        )

    def sweep(self) -> None:
        for each in list(self.line.values()):
            self.put(kept(run_out(each, self.now)))
        if ringing := offer_by_itself(self.line.values(), self.seat, self.now):
            assert ringing.misses >= OFFERED_AFTER_MISSES
            self.put(ringing)


STEPS = st.tuples(st.sampled_from(["enter", "take", "take", "done", "miss", "call", "hang up", "wait", "sweep"]), st.integers(0, 99))


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 4), st.lists(STEPS, max_size=60))
def test_never_more_are_open_than_seats_are_free_and_nobody_is_passed_over(seats: int, steps: list[tuple[str, int]]) -> None:
    unit = Unit(seats)
    for what, number in steps:
        unit.step(what, number)
        entered = {each.call.id: each.entered_at for each in unit.line.values()}
        assert [name for name, _ in sorted(entered.items(), key=lambda pair: (pair[1], int(pair[0][1:])))] == list(unit.line), (
            "a place was lost"
        )


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, PRIORITY_MAX)), min_size=1, max_size=30))
def test_nobody_starves_however_many_urgent_callers_keep_coming(later: list[tuple[int, int]]) -> None:
    patient = callback("patient", NOW)
    line = [
        patient,
        *(callback(f"u{number}", NOW + timedelta(minutes=minute), priority) for number, (minute, priority) in enumerate(later)),
    ]
    ahead = [each for each in line if each.turn < patient.turn]
    assert all(each.entered_at <= NOW + PRIORITY_MAX * HEAD_START for each in ahead)
    for _ in range(len(ahead) + 1):
        first = next_in_line(line, free, NOW + timedelta(hours=2))
        assert first is not None
        line.remove(first)
    assert patient not in line


@given(st.permutations([0, 3, 5, 9]))
def test_within_a_priority_the_order_is_that_of_entry(minutes: list[int]) -> None:
    line = [callback(f"c{minute}", NOW + timedelta(minutes=minute)) for minute in minutes]
    order = []
    while first := next_in_line(line, free, NOW + timedelta(hours=1)):
        order.append(first.call.id)
        line.remove(first)
    assert order == ["c0", "c3", "c5", "c9"]


def test_a_miss_keeps_the_place_and_costs_a_pause() -> None:
    first, second = missed(callback("a", NOW), 1), callback("b", NOW + timedelta(minutes=1))
    assert next_in_line([first, second], free, NOW + timedelta(minutes=2)) == second
    assert next_in_line([first, second], free, NOW + PAUSE_AFTER_MISS) == first


def test_missed_twice_it_rings_by_itself_when_a_seat_is_free_and_missed_again_it_is_given_back() -> None:
    later, twice = NOW + PAUSE_AFTER_MISS, missed(callback("a"), OFFERED_AFTER_MISSES)
    assert offer_by_itself([missed(callback("b"), 1), callback("c")], free, later) is None
    assert offer_by_itself([twice], full, later) is None
    assert offer_by_itself([twice], free, NOW) is None
    ringing = offer_by_itself([twice], free, later)
    assert ringing is not None and ringing.state is CallbackState.RINGING
    assert next_in_line([ringing, callback("z", NOW + timedelta(hours=1))], full, later) == ringing, "it has its own seat"
    assert missed(ringing, MISSES_MAX - OFFERED_AFTER_MISSES, later).state is CallbackState.GIVEN_BACK


def test_where_it_rang_and_nobody_came_it_waits_again_and_that_is_no_miss() -> None:
    ringing = replace(callback("a"), state=CallbackState.RINGING, misses=2, held_until=NOW + RINGS_FOR)
    waiting = kept(run_out(ringing, NOW + RINGS_FOR))
    assert (waiting.state, waiting.misses, waiting.entered_at, waiting.held_until) == (CallbackState.WAITING, 2, NOW, None)


def test_who_takes_one_and_says_nothing_more_gives_the_seat_back_and_it_counts_as_missed() -> None:
    taken = kept(take_callback(callback("a"), "desk-1", "t", NOW))
    assert kept(run_out(taken, NOW + HELD_FOR - timedelta(seconds=1))) == taken
    assert kept(run_out(taken, NOW + HELD_FOR)).misses == 1


def test_a_taking_repeated_is_the_same_and_only_who_has_it_ends_it() -> None:
    taken = kept(take_callback(callback("a"), "desk-1", "t1", NOW))
    assert take_callback(taken, "desk-1", "t1", NOW) == Decision(taken)
    for outcome in (take_callback(taken, "desk-2", "t2", NOW), finish(taken, "desk-2"), miss(taken, "desk-2", NOW)):
        assert isinstance(outcome, Refusal)
    done = kept(finish(taken, "desk-1"))
    assert kept(finish(done, "desk-1")) == done


def test_no_origin_can_jump_the_line_by_saying_when_its_caller_came() -> None:
    assert enter(callback("a", NOW + timedelta(hours=1)), NOW).entered_at == NOW
    assert enter(callback("a", NOW - timedelta(days=300)), NOW).entered_at == NOW - OLDEST
    assert enter(callback("a", NOW - timedelta(hours=3)), NOW).entered_at == NOW - timedelta(hours=3)


@pytest.mark.parametrize(
    ("kind", "wish", "code"),
    [
        (LastResortKind.CALLBACK, Wish(number="+8613800000000"), None),
        (LastResortKind.CALLBACK, Wish(number="about noon"), codes.NUMBER_MALFORMED),
        (LastResortKind.CALLBACK, Wish(), codes.NUMBER_MALFORMED),
        (LastResortKind.VOICEMAIL, Wish(recording="vm://350100/7", recording_sha256=bytes(32)), None),
        (LastResortKind.VOICEMAIL, Wish(recording="vm://350100/7"), codes.RECORDING_MALFORMED),
        (LastResortKind.VOICEMAIL, Wish(recording="two words", recording_sha256=bytes(32)), codes.RECORDING_MALFORMED),
    ],
)
def test_what_cannot_be_called_or_heard_is_refused_without_being_repeated(kind: LastResortKind, wish: Wish, code: object) -> None:
    refusal = check_wish(kind, wish)
    assert (refusal and refusal.code) == code
    assert not refusal or not refusal.params
