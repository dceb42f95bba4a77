"""Slots of other provinces' units that this node holds: asked for and renewed beside the calls, never during one.

Rule served: a call finds out by itself where there is room, and nothing that was promised lasts without a time. Only units that calls went
to of late are asked about. Where the unit's node cannot be reached, what was promised ends within a term; then its own answer to an offer
decides again, and the breaker says when not to ask.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import reduce
from itertools import groupby
from math import ceil
from typing import Final

import grpc
from opentelemetry import metrics

from twelve333.adapters.clock import Clock
from twelve333.adapters.rpc.peers import Peers
from twelve333.adapters.runner import Background
from twelve333.adapters.telemetry.logs import logger
from twelve333.api.routing.v1 import slots_pb2_grpc
from twelve333.core.coverage.model import Verdict
from twelve333.core.coverage.seats import Part, parts_of
from twelve333.core.decision import Refused
from twelve333.core.routing.model import Call, Route, Slots
from twelve333.core.routing.rates import Ceiling
from twelve333.core.routing.slots import RENEW, TERM, WANTED_MAX, Holding, held, spent
from twelve333.wire.slots import Shown, Wanted, granted_from_wire, wanted_to_wire

from .routing_view import RoutingView

ASK_SECONDS: Final = 2.0
PACE_SECONDS: Final = 0.25
LATELY: Final = timedelta(seconds=30)  # so many calls as came in this time are expected again
KEPT_FOR: Final = timedelta(minutes=2)  # without a call; then slots are given back
CALLS_MAX: Final = 2_000  # remembered for one unit
PASSED_OVER: Final = frozenset({Verdict.FULL, Verdict.RATE, Verdict.UNREACHABLE})

_AWAY: Final = (grpc.StatusCode.UNAVAILABLE.name, grpc.StatusCode.DEADLINE_EXCEEDED.name)

_RENEWALS = metrics.get_meter("twelve333.routing").create_counter(
    "twelve333.routing.slot_renewals", description="members asked for slots, by what came of it"
)
log = logger("routing")


class SlotBoard:
    """What this node holds.

    Args:
        view: what the node routes by; it is given the slots.
        peers: channels to other members.
        clock: the present moment.
    """

    def __init__(self, view: RoutingView, peers: Peers, clock: Clock) -> None:
        self._view, self._peers, self._clock = view, peers, clock
        self._holdings: dict[str, Holding] = {}
        self._since: dict[str, tuple[Holding, dict[str, Call]]] = {}  # by unit: the newest answer, and our calls taken since
        self._ended: set[str] = set()  # units where calls have ended that are still counted
        self._calls: dict[str, deque[tuple[datetime, Call]]] = {}
        self._asked_at = float("-inf")
        self.renewing = Background("slots", self.step, RENEW.total_seconds())
        view.slots = self.usable

    def usable(self) -> Mapping[str, Slots]:
        """Room by unit, as decisions read it; what has ended is looked at by them."""
        for unit in self._ended & self._since.keys():
            self._count(unit)
        self._ended.clear()
        return {unit: holding.slots for unit, holding in self._holdings.items()}

    def shown(self) -> list[Shown]:
        """What counts now, for people."""
        now, units = self._clock(), self._view.known_units()
        counts = {unit: it for unit, it in sorted(self._holdings.items()) if it.until > now and unit in units}
        return [Shown(unit, units[unit].member, it.until, it.answer.lines) for unit, it in counts.items()]

    def passed_over(self, route: Route) -> None:
        """Remember a call that would have gone to units where there was no room, or whose node did not answer of late."""
        for candidate in route.candidates:
            if candidate.verdict in PASSED_OVER:
                self.wants(candidate.unit, candidate.member, route.call)
            elif candidate.can_answer:
                return

    def wants(self, unit: str, member: str, call: Call) -> None:
        """Remember that a call wants a seat of a unit of another member's; the first one asks for slots at once."""
        if member == self._view.province:
            return
        if unit not in self._calls:
            self._calls[unit] = deque(maxlen=CALLS_MAX)
            self._soon()
        self._calls[unit].append((self._clock(), call))

    def taken(self, unit: str, offer_id: str, call: Call) -> None:
        """A unit took a call of ours: one slot less, until the call ends or the next answer says it better."""
        if unit in self._holdings:
            _, calls = self._since.setdefault(unit, (self._holdings[unit], {}))
            if offer_id not in calls:
                calls[offer_id] = call
                self._left(unit, spent(self._holdings[unit], call))

    def ended(self, unit: str, offer_id: str) -> None:
        """A call of ours at a unit is over, and its node knows: its slot is ours again."""
        if unit in self._holdings and unit in self._since:
            self._since[unit][1].pop(offer_id, None)
            self._ended.add(unit)  # counted when somebody asks

    def _count(self, unit: str) -> None:
        """What is left of the newest answer beside the calls since; never a counter."""
        answered, calls = self._since[unit]
        self._left(unit, reduce(spent, calls.values(), answered))

    def _left(self, unit: str, left: Holding) -> None:
        self._holdings[unit] = left
        if left.slots.free == 0:
            self._soon()

    def _soon(self) -> None:
        """Ask again now, but not more than a few times a second."""
        loop = asyncio.get_running_loop()
        loop.call_later(max(0.0, self._asked_at + PACE_SECONDS - loop.time()), self.renewing.wake)

    async def step(self) -> None:
        """Ask each member that serves units of interest, all at once; forget what is of none any more."""
        now, units = self._clock(), self._view.known_units()
        self._asked_at = asyncio.get_running_loop().time()
        self._holdings = {unit: holding for unit, holding in self._holdings.items() if now < holding.until <= now + TERM}
        self._since = {unit: since for unit, since in self._since.items() if unit in self._holdings}
        wanted = [self._wanted(unit, now) for unit in sorted(self._calls) if unit in units]
        self._calls = {unit: calls for unit, calls in self._calls.items() if unit in units and calls[-1][0] > now - KEPT_FOR}

        def member_of(each: Wanted) -> str:
            return units[each.unit].member

        by_member = groupby(sorted(wanted, key=member_of), key=member_of)
        await asyncio.gather(*(self._renew(member, list(some)) for member, some in by_member if self._view.may_be_asked(member, now)))

    async def _renew(self, member: str, wanted: Sequence[Wanted]) -> None:
        asked_at = self._clock()
        try:
            stub = slots_pb2_grpc.SlotPeerServiceStub(self._peers.channel(member))
            answer = await stub.RenewSlots(wanted_to_wire(wanted), timeout=ASK_SECONDS)
        except (grpc.aio.AioRpcError, Refused) as error:  # what was promised ends by itself
            kind = error.code().name if isinstance(error, grpc.aio.AioRpcError) else error.refusal.code.name
            _RENEWALS.add(1, {"peer": member, "outcome": kind})
            log.info("slots not renewed", peer=member, kind=kind)
            self._heard(member, kind not in _AWAY)
            return
        self._heard(member, True)
        _RENEWALS.add(1, {"peer": member, "outcome": "OK"})
        for unit, granted in granted_from_wire(answer).items():
            if unit in self._calls and any(each.unit == unit for each in wanted):
                known = self._holdings.get(unit)
                holding = held(known, granted, self._parts(unit), asked_at)
                if holding is not None and holding is not known:
                    self._holdings[unit] = holding
                    self._since.pop(unit, None)

    def _heard(self, member: str, answered: bool) -> None:
        """Whether calls may go to a member again that had been left alone."""
        now = self._clock()
        if answered:
            self._view.reached(member)
        elif self._view.is_left_alone(member, now):
            self._view.missed(member, now)

    def _wanted(self, unit: str, now: datetime) -> Wanted:
        """Slots for as many calls as came of late in a term, and one more; of what calls no longer go to, nothing."""
        holding, calls = self._holdings.get(unit), self._calls[unit]
        seen = holding.answer.at if holding else None
        if calls[-1][0] <= now - KEPT_FOR:
            self._holdings.pop(unit, None)
            self._since.pop(unit, None)
            return Wanted(unit, {}, seen)
        lately = [call for at, call in calls if at > now - LATELY]
        urgent = [call for call in lately if call.has_priority]
        topics = self._view.rates.gaps.topics(unit)
        rates = tuple(Ceiling(topic, _per_minute(topic, lately), _per_minute(topic, urgent)) for topic in topics)
        return Wanted(unit, {part.name: _expected(part, lately) for part in self._parts(unit)}, seen, rates)

    def _parts(self, unit: str) -> tuple[Part, ...]:
        declaration = self._view.snapshot.declarations.get(unit)
        return parts_of(declaration) if declaration else ()


def _per_minute(topic: str, lately: Sequence[Call]) -> float:
    return sum(call.topic.startswith(topic) for call in lately) * (timedelta(minutes=1) / LATELY)


def _expected(part: Part, lately: Sequence[Call]) -> int:
    calls = sum(part.takes(call.visited[-1] if call.visited else "", call.topic, call.language) for call in lately)
    return min(WANTED_MAX, 1 + ceil(calls * TERM / LATELY))
