"""The origin's side of handoffs: place a call with the first unit that takes it, and record what becomes of it.

Everything is decided from the node's own replica and its own observations; the hub is told afterwards, through the outbox. The record
is written once the outcome is known: if the node dies before, nothing was promised to the consultant, the seat is free again when its
lease ends, and the same request finds the same seat.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from opentelemetry import metrics
from sqlalchemy import Connection

from twelve333.adapters.together import Together
from twelve333.core.decision import Decision, Refusal, Refused, accepted, refuse
from twelve333.core.ids import HUB, check_id
from twelve333.core.routing import codes
from twelve333.core.routing.back import visited_again
from twelve333.core.routing.context import ContextItem, check_context, digest_of
from twelve333.core.routing.context_needs import Needs, minimised
from twelve333.core.routing.handoff import Handoff, bring_back, expire, give_up, offer_to
from twelve333.core.routing.machine import HandoffState
from twelve333.core.routing.messages import told
from twelve333.core.routing.model import Call, Route
from twelve333.core.routing.rules import check_call
from twelve333.core.routing.visits import Visits
from twelve333.wire.routing import told_to_wire

from .offering import Offering
from .seats import note_lease
from .store import routing as store
from .store.forgotten import close_silent, forget_returned
from .visits import VisitList

OVERDUE_MAX: Final = 200
SILENT_FOR: Final = timedelta(minutes=10)
UNSETTLED_FOR: Final = timedelta(hours=1)  # then the caller is long gone, and what he told is forgotten

_METER = metrics.get_meter("twelve333.routing")
_PLACED = _METER.create_counter("twelve333.routing.handoffs", description="handoffs placed, by the state they came to")
_OFFERS = _METER.create_counter("twelve333.routing.offers", description="units asked, by what came of it")

Rule = Callable[[Handoff, datetime], Decision[Handoff] | Refusal]


class Handoffs:
    """Outgoing handoffs of a node.

    Args:
        offering: asks units.
        visits: signs where calls were.
        needs: what of a context travels, by topic.
    """

    def __init__(self, offering: Offering, visits: VisitList, needs: Needs) -> None:
        self.visits, self.needs = visits, needs
        self._offering = offering
        self.node = offering.node
        self.view = offering.view
        self.counted, self.seating = offering.counted, offering.seating
        self._known = Together(self._load_known)
        self._placing: dict[str, asyncio.Task[Handoff]] = {}

    async def place(
        self, asked: Call, from_unit: str, context: Sequence[ContextItem], placed_by: str = "", after: str = "", again: str = ""
    ) -> Handoff:
        """Find a unit that takes the call, or the last resort; the same request again gets the same answer.

        Args:
            asked: the call; the unit that hands it on is added to the units visited.
            from_unit: one of this node's units.
            context: what the other side needs to know.
            placed_by: the desktop or system that asks, and hears what becomes of it.
            after: id of the handoff by which the call came here, if it goes on.
            again: id of the handoff by which it was handed on before, if it came back.

        Raises:
            Refused: the request is malformed, the id is used for another call, or the one that is to go on again did not come back.
        """
        self._check(asked, from_unit, context)
        way, after = await self._way_again(again, from_unit) if again else ((), after)
        before = await self.node.database.read(lambda tx: self.visits.before(tx, after, from_unit)) if after else None
        was = way or (before.units if before else ())
        visited = (*was, *(unit for unit in asked.visited if unit not in (*was, from_unit)), from_unit)
        call = replace(asked, visited=visited)
        # Of what travels: the unit that takes the call compares it with what it is given.
        sha256 = digest_of(minimised(context, call.topic, self.needs).items)
        task = self._placing.get(call.id)
        if task is None:
            placing = self._place(
                Handoff(call, from_unit, context_sha256=sha256, placed_by=placed_by, came_by=after), tuple(context), before
            )
            task = self._placing[call.id] = asyncio.create_task(placing)
            task.add_done_callback(lambda _: self._placing.pop(call.id, None))
        # A desktop that hangs up does not break off what is half done.
        handoff = await asyncio.shield(task)
        same_call = replace(handoff.call, draw=call.draw) == call  # a repeat may be drawn anew: it gets the same answer
        if not same_call or (handoff.from_unit, handoff.context_sha256) != (from_unit, sha256):
            raise Refused(refuse(codes.HANDOFF_OTHER_CONTENT, id=call.id))
        return handoff

    async def settled(self, *handoff_ids: str) -> None:
        """Wait until those of these handoffs that are being placed are recorded."""
        tasks = [task for each in handoff_ids if (task := self._placing.get(each))]
        if tasks:
            await asyncio.wait(tasks)

    async def record(self, handoff_id: str, rule: Rule) -> Handoff:
        """Take one step of a handoff of ours.

        Args:
            handoff_id: which.
            rule: the core's decision on that step.

        Raises:
            Refused: ROUTING_HANDOFF_UNKNOWN, ROUTING_HANDOFF_NOT_YOURS, or what the rule says.
        """
        now = self.node.clock()

        def keep(tx: Connection) -> tuple[Handoff, bool]:
            handoff = self.own(tx, handoff_id)
            decision = accepted(rule(handoff, now))
            self.keep_step(tx, handoff, decision, now)
            return decision.state, bool(decision.events)

        handoff, changed = await self.node.database.write(keep)
        if changed:
            self._announce(handoff)
        return handoff

    def own(self, tx: Connection, handoff_id: str) -> Handoff:
        """A handoff of ours.

        Raises:
            Refused: ROUTING_HANDOFF_UNKNOWN, ROUTING_HANDOFF_NOT_YOURS.
        """
        handoff = store.load_handoff(tx, handoff_id)
        if handoff is None:
            code = codes.HANDOFF_NOT_YOURS if store.load_incoming(tx, handoff_id) else codes.HANDOFF_UNKNOWN
            raise Refused(refuse(code, id=handoff_id[:64]))
        return handoff

    async def take_outcome(self, member: str, offer_id: str, rule: Rule) -> None:
        """Take what the unit that accepted says of the end of a call of ours; what is older than what is known changes nothing.

        Args:
            member: who says so.
            offer_id: of the offer that it accepted.
            rule: the core's decision on that step.

        Raises:
            Refused: ROUTING_HANDOFF_UNKNOWN, ROUTING_OFFER_NOT_YOURS, ROUTING_REASON_MALFORMED.
        """
        await self.settled(offer_id.rpartition(".")[0])
        now = self.node.clock()
        await self.node.database.write(lambda tx: self.keep_outcome(tx, member, offer_id, rule, now))

    def keep_outcome(self, tx: Connection, member: str, offer_id: str, rule: Rule, now: datetime) -> None:
        """The same within a unit of work."""
        handoff = store.find_by_offer(tx, offer_id)
        if handoff is None:
            raise Refused(refuse(codes.HANDOFF_UNKNOWN, id=offer_id[:80]))
        if handoff.member != member:
            raise Refused(refuse(codes.OFFER_NOT_YOURS, offer=offer_id[:80]))
        outcome = rule(handoff, now)
        if not (isinstance(outcome, Refusal) and outcome.code is codes.HANDOFF_STEP):
            self.keep_step(tx, handoff, accepted(outcome), now)

    async def sweep(self) -> None:
        """Let accepted handoffs that were never put through expire, and forget leases and last resorts nobody spoke of again."""
        now = self.node.clock()

        def keep(tx: Connection) -> list[Handoff]:
            gone = []
            for handoff in store.overdue_handoffs(tx, now, OVERDUE_MAX):
                decision = accepted(expire(handoff, now))
                self.keep_step(tx, handoff, decision, now)
                gone.append(decision.state)
            for handoff in store.unsettled_handoffs(tx, now - UNSETTLED_FOR, OVERDUE_MAX):
                self.keep_step(tx, handoff, accepted(bring_back(handoff, codes.LAST_RESORT_NOT_USED.name, now)), now)
            close_silent(tx, now - SILENT_FOR)
            forget_returned(tx, now)
            return gone

        for handoff in await self.node.database.write(keep):
            self._announce(handoff)

    async def _way_again(self, again: str, from_unit: str) -> tuple[tuple[str, ...], str]:
        """Where a call was that came back to us, up to here, and the handoff by which it had come to us, if it had."""
        handoff = await self.node.database.read(lambda tx: self.own(tx, again))
        visited = visited_again(handoff, from_unit)
        if isinstance(visited, Refusal):
            raise Refused(visited)
        return visited[:-1], handoff.came_by

    def _check(self, call: Call, from_unit: str, context: Sequence[ContextItem]) -> None:
        if refusal := check_id(call.id) or check_call(call) or check_context(context):
            raise Refused(refusal)
        unit = self.view.snapshot.units.get(from_unit)
        if unit is None or unit.member != self.view.province:
            raise Refused(refuse(codes.FROM_UNIT_NOT_HERE, unit=from_unit[:6], member=self.view.province))

    async def _place(self, asked: Handoff, context: Sequence[ContextItem], before: Visits | None) -> Handoff:
        call = asked.call
        if known := await self._known.one(call.id):
            return known
        with self.counted.place(call.id):
            handoff = await self._place_new(asked, context, before)
        self.counted.recorded(handoff.steps[0].at)
        return handoff

    async def _load_known(self, ids: Sequence[str]) -> Sequence[Handoff | None]:
        def load(tx: Connection) -> list[Handoff | None]:
            there = store.kept(tx, ids)
            return [store.load_handoff(tx, each) if each in there else None for each in ids]

        return await self.node.database.read(load)

    async def _place_new(self, asked: Handoff, context: Sequence[ContextItem], before: Visits | None) -> Handoff:
        call = asked.call
        route = self.view.route(call, self.node.clock())
        self._offering.slots.passed_over(route)
        handoff = await self._try_all(replace(asked, route=route), route, before)
        if handoff.state is not HandoffState.ACCEPTED:
            handoff = accepted(give_up(handoff, route.last_resort, self.node.clock())).state
        try:
            await self.node.database.write(lambda tx: self._add(tx, handoff, context))
        except Refused:
            if handoff.state is HandoffState.ACCEPTED:
                self._announce(replace(handoff, state=HandoffState.EXPIRED))  # what we cannot record we do not use
            raise
        _PLACED.add(1, {"state": handoff.state.value})
        return handoff

    async def _try_all(self, handoff: Handoff, route: Route, before: Visits | None) -> Handoff:
        limits, loop = self.node.settings.handoff, asyncio.get_running_loop()
        until = loop.time() + limits.total_ms / 1000
        for candidate in route.to_try:
            left = until - loop.time()
            if left <= 0:
                break
            offered = accepted(offer_to(handoff, candidate, self.node.clock())).state
            handoff = await self._offering.ask(offered, min(limits.candidate_ms / 1000, left), self.visits.signed(before, offered))
            _OFFERS.add(1, {"outcome": handoff.state.value})
            if handoff.state is HandoffState.ACCEPTED:
                break
        return handoff

    def _add(self, tx: Connection, handoff: Handoff, context: Sequence[ContextItem]) -> None:
        store.add_handoff(tx, handoff, context)
        self._tell(tx, HUB, handoff, 0)

    def keep_step(self, tx: Connection, before: Handoff, decision: Decision[Handoff], now: datetime) -> None:
        """Keep a step that was decided, and tell it, within a unit of work."""
        if not decision.events:
            return
        after, since = decision.state, len(before.steps)
        store.save_handoff(tx, after, decision.events)
        self._tell(tx, HUB, after, since)
        if after.member == self.view.province:
            hold = timedelta(seconds=self.node.settings.handoff.call_hold_seconds)
            note_lease(tx, self.view.snapshot, after.member, after.member, after.offer_id, after.state, hold, now)
        elif after.member:
            self._tell(tx, after.member, after, since)

    def _tell(self, tx: Connection, destination: str, handoff: Handoff, since: int) -> None:
        event = told_to_wire(told(handoff, since))
        self.node.outbox.append(tx, destination=destination, message=event, key=handoff.call.id, now=handoff.steps[-1].at)

    def _announce(self, handoff: Handoff) -> None:
        """Tell the peer at once as well: the event would do, but a seat is worth a second."""
        if handoff.member and handoff.member != self.view.province:
            self._offering.errands.run(self._offering.notify(handoff.member, handoff.offer_id, handoff.state))
