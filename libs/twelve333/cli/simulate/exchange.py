"""Handing calls on during the day: the production decision, then offers in turn within the deadline, as a node makes them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from ...core.coverage.snapshot import Snapshot
from ...core.decision import Decision
from ...core.ids import province_of
from ...core.routing.model import Call, Queue, Route, State
from ...core.routing.offers import Offer
from ...core.routing.rules import decide
from .centre import Centre
from .traffic import Caller, Scenario

AN_OFFER_S: Final = 0.006  # an answer of another node
A_SILENCE_S: Final = 0.25  # a candidate that does not answer
DEADLINE_S: Final = 0.8  # for all candidates
BREAKER: Final = timedelta(seconds=10)
TOLD_EVERY_S: Final = 2.0
TOLD_FOR: Final = timedelta(seconds=5)


class Exchange:
    """What the nodes do with calls that go elsewhere.

    Args:
        snapshot: the directory.
        scenario: what kind of day; which nodes are away.
        centres: the open units.
        midnight: when the day begins.
    """

    def __init__(self, snapshot: Snapshot, scenario: Scenario, centres: Mapping[str, Centre], midnight: datetime) -> None:
        self.verdicts, self.slowest_s = Counter[str](), 0.0
        self._snapshot, self._scenario, self._centres, self._midnight = snapshot, scenario, centres, midnight
        self._unreachable, self._refused = dict[str, datetime](), dict[str, datetime]()
        self._told: dict[str, tuple[int, Queue]] = {}

    def route(self, caller: Caller, visited: tuple[str, ...], draw: float, second: float) -> Route:
        """Where a call goes, as the caller's own node decides at that second of the day."""
        now = self._time(second)
        call = Call(f"sim-{caller.number}", caller.region, caller.unit, caller.topic, "zh", visited, 0, draw)
        plan = (entry.unit for entry in self._snapshot.plan(caller.region))
        queues = {unit: self._queue(unit, second) for unit in plan if unit in self._centres}
        return decide(self._snapshot, State(self._unreachable, self._refused, queues), call, now)

    def offer(self, caller: Caller, route: Route, second: float) -> tuple[Centre, float] | None:
        """Offer the call to the candidates in turn; who took it and when, None if nobody did."""
        self.verdicts.update(candidate.verdict.value for candidate in route.candidates)
        member, spent = province_of(caller.unit), 0.0
        is_away, taken = self._scenario.is_away(member, second), None
        for candidate in route.to_try:
            if spent >= DEADLINE_S:
                break
            if candidate.member != member and (is_away or self._scenario.is_away(candidate.member, second)):
                spent += A_SILENCE_S
                if not is_away:
                    self._unreachable[candidate.member] = self._time(second) + BREAKER
                continue
            spent += AN_OFFER_S
            if self._accepts(caller, route.call, candidate.unit, second + spent):
                taken = self._centres[candidate.unit], second + spent
                break
        self.slowest_s = max(self.slowest_s, spent)
        return taken

    def _accepts(self, caller: Caller, call: Call, unit: str, second: float) -> bool:
        now = self._time(second)
        offer = Offer(call.id, call, caller.unit, province_of(caller.unit), unit, now + TOLD_FOR)
        outcome = self._centres[unit].offered(offer, self._snapshot, now)
        if isinstance(outcome, Decision):
            return True
        if outcome.retry_after is not None:
            self._refused[unit] = now + outcome.retry_after
        return False

    def _queue(self, unit: str, second: float) -> Queue:
        """What the unit last told: every two seconds, nothing while its node is away."""
        tick, known = int(second // TOLD_EVERY_S), self._told.get(unit)
        if known and (known[0] == tick or self._scenario.is_away(province_of(unit), second)):
            return known[1]
        centre, now = self._centres[unit], self._time(second)
        told = Queue(True, centre.free, len(centre.waiting), 0, now, now + TOLD_FOR)
        self._told[unit] = (tick, told)
        return told

    def _time(self, second: float) -> datetime:
        return self._midnight + timedelta(seconds=second)
