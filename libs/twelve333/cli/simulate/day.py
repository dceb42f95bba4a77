"""The day itself: calls come, wait, are answered, handed on, called back; one virtual clock, no two runs alike but by another seed."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from datetime import datetime, time, timedelta
from random import Random
from typing import Final

from ...core.coverage.snapshot import Snapshot
from ...core.ids import province_of
from ...core.routing.callbacks import PAUSE_AFTER_MISS, Callback, CallbackState
from ...core.routing.model import LastResortKind, Route
from ...core.worktime.model import CHINA
from ...data import provinces
from .books import Book
from .centre import Centre, centres_of
from .exchange import Exchange
from .traffic import DAY_S, TALK_S, Caller, Scenario

FIRST_WORDS_S: Final = 30.0  # the consultant rung learns that another place is meant
OVERFLOW_S: Final = 20.0  # in the queue, until it is tried elsewhere
NOT_REACHED_S: Final = 40.0  # a callback that rings in vain


class Day:
    """Runs one day.

    Args:
        snapshot: the directory.
        scenario: what kind of day.
        calls: from `traffic.calls_of`.
    """

    def __init__(self, snapshot: Snapshot, scenario: Scenario, calls: Iterator[Caller | str]) -> None:
        self.snapshot, self.scenario = snapshot, scenario
        self.books = {code: Book() for code in provinces()}
        self.centres, self._midnight = centres_of(snapshot), datetime.combine(scenario.day, time(), CHINA)
        self.exchange = Exchange(snapshot, scenario, self.centres, self._midnight)
        self.now_s = 0.0
        self._calls, self._chance = calls, Random(scenario.seed + 1)
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._number = 0

    def run(self) -> Iterator[float]:
        """Play the day and what hangs over from it; gives the hour of the day whenever another quarter has passed."""
        quarter = 0
        for coming in self._calls:
            if isinstance(coming, str):
                self.books[coming].calls += 1
                self.books[coming].machine += 1
                continue
            self._until(coming.at)
            while coming.at // 900 > quarter:
                quarter += 1
                yield quarter / 4
            self._arrive(coming)
        self._drain()
        for centre in self.centres.values():
            for callback in centre.line.values():
                self._book(callback.from_unit).owed += 1
        yield 24.0

    @property
    def lost(self) -> int:
        """Calls of which nobody knows what became; zero, or something is wrong."""
        return sum(book.calls - book.ended for book in self.books.values())

    def _until(self, second: float) -> None:
        while self._events and self._events[0][0] <= second:
            self.now_s, _, happen = heapq.heappop(self._events)
            happen()
        self.now_s = second

    def _drain(self) -> None:
        """Nobody new comes: who speaks ends, who waits is answered or goes; what is owed is left for the next day."""
        while self._events:
            self._until(self._events[0][0])

    def _at(self, second: float, happen: Callable[[], None]) -> None:
        heapq.heappush(self._events, (second, self._next_number(), happen))

    def _next_number(self) -> int:
        self._number += 1
        return self._number

    def _time(self, second: float) -> datetime:
        return self._midnight + timedelta(seconds=second)

    def _book(self, unit: str) -> Book:
        return self.books[province_of(unit)]

    def _arrive(self, caller: Caller) -> None:
        caller.number = self._next_number()
        self._book(caller.unit).calls += 1
        centre = self.centres.get(caller.unit)
        if not self.scenario.joined and (centre is None or caller.region != caller.unit):
            self._book(caller.unit).turned_away += 1
        elif centre is None:
            self._hand_on(caller, None)
        elif centre.free and not centre.waiting:
            self._speak(centre, caller)
        else:
            centre.waiting.append(caller)
            self._at(self.now_s + caller.patience, lambda: self._give_up(caller))
            if self.scenario.joined and caller.patience > OVERFLOW_S:
                self._at(self.now_s + OVERFLOW_S, lambda: self._overflow(centre, caller))

    def _speak(self, centre: Centre, caller: Caller) -> None:
        """A consultant of the unit rung picks up."""
        waited = self.now_s - caller.at
        centre.longest_wait = max(centre.longest_wait, waited)
        self._book(caller.unit).waits[int(waited)] += 1
        elsewhere = caller.region != caller.unit
        lasts = FIRST_WORDS_S if elsewhere else caller.talk
        centre.sit(caller.number, self._time(self.now_s + lasts), caller)
        self._at(self.now_s + lasts, lambda: self._said(centre, caller, elsewhere))

    def _said(self, centre: Centre, caller: Caller, elsewhere: bool) -> None:
        if elsewhere:
            self._hand_on(caller, centre)
        else:
            self._book(caller.unit).answered += 1
        self._seat_free(centre, caller.number)

    def _seat_free(self, centre: Centre, number: int) -> None:
        """Whoever came first is next: who waits, or to whom a callback is owed."""
        del centre.talking[number]
        self._next(centre)

    def _next(self, centre: Centre) -> None:
        waiting = centre.next_waiting()
        owed = centre.next_callback(self._time(self.now_s)) if self.now_s < DAY_S else None
        if owed is not None and (waiting is None or owed.turn[0] <= self._time(waiting.at)):
            self._call_back(centre, owed)
        elif waiting is not None and centre.free:
            centre.waiting.popleft()
            waiting.gone = True
            self._speak(centre, waiting)

    def _give_up(self, caller: Caller) -> None:
        if not caller.gone:
            caller.gone = True
            self._book(caller.unit).abandoned += 1

    def _overflow(self, centre: Centre, caller: Caller) -> None:
        """Nobody has picked up yet: somebody else may; if nobody can, the caller goes on waiting."""
        if not caller.gone and self._given(caller, self._route(caller, (centre.unit,))):
            caller.gone = True

    def _hand_on(self, caller: Caller, centre: Centre | None) -> None:
        """The matter belongs elsewhere, or nobody is open here: hand on, or the last resort."""
        route = self._route(caller, (centre.unit,) if centre else ())
        if not self._given(caller, route):
            self._last_resort(caller, route)

    def _route(self, caller: Caller, visited: tuple[str, ...]) -> Route:
        return self.exchange.route(caller, visited, self._chance.random(), self.now_s)

    def _given(self, caller: Caller, route: Route) -> bool:
        """Whether another unit took the call; then it speaks there."""
        taken = self.exchange.offer(caller, route, self.now_s)
        if taken is None:
            return False
        centre, second = taken
        self._book(caller.unit).waits[int(second - caller.at)] += 1
        number = self._next_number()
        centre.sit(number, self._time(second + caller.talk), caller)
        self._at(second + caller.talk, lambda: self._answered_for(centre, caller, number))
        return True

    def _answered_for(self, centre: Centre, caller: Caller, number: int) -> None:
        self._book(caller.unit).by_others += 1
        self._book(centre.unit).for_others += 1
        self._seat_free(centre, number)

    def _last_resort(self, caller: Caller, route: Route) -> None:
        last, now = route.last_resort, self._time(self.now_s)
        centre = self.centres.get(last.unit)
        if last.kind is LastResortKind.CASE or centre is None:
            self._book(caller.unit).case += 1
            return
        placed = self._time(caller.at)
        centre.owe(Callback(route.call, caller.unit, province_of(caller.unit), last.unit, last.kind, placed), now)
        self._next(centre)

    def _call_back(self, centre: Centre, owed: Callback) -> None:
        now = self._time(self.now_s)
        ended = centre.call_back(owed, self._chance, now)
        lasts = self._chance.expovariate(1 / TALK_S) if ended.state is CallbackState.DONE else NOT_REACHED_S
        number = self._next_number()
        caller = Caller(number, self.now_s, owed.from_unit, centre.unit, owed.call.topic, 0.0, lasts)
        centre.sit(number, now + timedelta(seconds=lasts), caller)
        self._at(self.now_s + lasts, lambda: self._called_back(centre, ended, number))

    def _called_back(self, centre: Centre, ended: Callback, number: int) -> None:
        book = self._book(ended.from_unit)
        if ended.state is CallbackState.DONE:
            if ended.kind is LastResortKind.CALLBACK:
                book.called_back += 1
            else:
                book.message_heard += 1
        elif ended.state is CallbackState.GIVEN_BACK:
            book.case += 1
        else:
            self._at(self.now_s + PAUSE_AFTER_MISS.total_seconds(), lambda: self._next(centre))
        self._seat_free(centre, number)
