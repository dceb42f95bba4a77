"""How the calls that a restored node has forgotten come back to it: from the hub, and from the nodes on their other side.

A node that was put back to a backup asks everybody once; each answers a page at a time. What comes back of a call that only a node knew
is told to the hub, which may never have heard of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection

from twelve333.adapters.sql.cases_inbound import CLOCK_SET_BACK
from twelve333.adapters.sql.delivery import Appliers, Delivery, Inbound, Outbox
from twelve333.adapters.telemetry.logs import logger
from twelve333.api.routing.v1 import returns_pb2 as pb
from twelve333.core.decision import Decision, Refused, accepted, refuse
from twelve333.core.ids import HUB, check_id
from twelve333.core.routing import codes
from twelve333.core.routing.handoff import Handoff
from twelve333.core.routing.machine import HandoffState
from twelve333.core.routing.messages import HandoffTold, told
from twelve333.core.routing.offers import Lease, serves
from twelve333.core.routing.returning import Holds, known_at_origin, known_there, told_again
from twelve333.core.routing.rules import check_call
from twelve333.wire.returns import known_from_wire, lease_to_wire, placed_to_wire
from twelve333.wire.routing import told_from_wire, told_to_wire
from twelve333.wire.times import from_timestamp, to_timestamp

from .context import NodeContext
from .routing_view import RoutingView
from .store import handoff_returns
from .store import routing as store

ASKED: Final = pb.HandoffReturnsAsked.DESCRIPTOR.full_name
RETURNED: Final = pb.HandoffsReturned.DESCRIPTOR.full_name

log = logger("routing")


def ask_for_handoffs(tx: Connection, outbox: Outbox, members: Iterable[str], since: datetime, now: datetime) -> None:
    """Ask for the calls since a backup; part of the restore."""
    for member in members:
        outbox.append(tx, destination=member, message=pb.HandoffReturnsAsked(since=to_timestamp(since - CLOCK_SET_BACK)), now=now)


class HandoffReturns:
    """Calls returned to others and to us.

    Args:
        node: the node's ports.
        view: the directory.
        delivery: its outbox and inbox.
    """

    def __init__(self, node: NodeContext, view: RoutingView, delivery: Delivery) -> None:
        self._node, self._view, self._delivery = node, view, delivery

    def appliers(self) -> Appliers:
        """What to do with each event about it."""
        return {ASKED: self.answer, RETURNED: self.take}

    def answer(self, tx: Connection, inbound: Inbound, now: datetime) -> None:
        """The applier of `HandoffReturnsAsked`."""
        asked = pb.HandoffReturnsAsked.FromString(inbound.message)
        placed, leases, after = handoff_returns.between(tx, inbound.origin, from_timestamp(asked.since), asked.after)
        found = [*map(placed_to_wire, placed), *map(lease_to_wire, leases)]
        answer = pb.HandoffsReturned(since=asked.since, handoffs=sorted(found, key=lambda each: each.told.call.id), after=after)
        self._delivery.outbox.append(tx, destination=inbound.origin, message=answer, now=now)
        log.info("calls returned to a restored member", origin=inbound.origin, count=len(found))

    def take(self, tx: Connection, inbound: Inbound, now: datetime) -> None:
        """The applier of `HandoffsReturned`; a call that cannot have been so is left out, and nothing comes of what was not asked for."""
        if not self._delivery.has_told_restore(tx, inbound.origin):
            return
        returned, count = pb.HandoffsReturned.FromString(inbound.message), 0
        for each in returned.handoffs:
            try:
                count += self._take_one(tx, inbound.origin, each, now)
            except Refused as refused:
                log.warning("returned call left out", code=refused.refusal.code.name, origin=inbound.origin)
        if returned.after:
            asked = pb.HandoffReturnsAsked(since=returned.since, after=returned.after)
            self._delivery.outbox.append(tx, destination=inbound.origin, message=asked, now=now)
        log.warning("calls recovered from a member", origin=inbound.origin, count=count)

    def _take_one(self, tx: Connection, origin: str, returned: pb.ReturnedHandoff, now: datetime) -> bool:
        """One call; whether it brought something new."""
        known = told_from_wire(returned.told)
        if refusal := check_id(known.call.id) or check_call(known.call):
            raise Refused(refusal)
        if origin == HUB:
            return self._take_history(tx, known, now)
        if returned.seat.asker_accepted:
            return self._take_seat(tx, origin, known, returned.seat)
        return self._take_other_side(tx, origin, known, returned.seat, now)

    def _take_history(self, tx: Connection, told_before: HandoffTold, now: datetime) -> bool:
        ours = store.load_handoff(tx, told_before.call.id)
        asked = self._view.snapshot.units.get(told_before.steps[-1].unit) if told_before.steps else None
        decision = accepted(told_again(ours, told_before, asked.member if asked else "", self._holds()))
        return self._keep(tx, decision, len(told_before.steps), now)

    def _take_other_side(self, tx: Connection, origin: str, told_there: HandoffTold, seat: pb.SeatKnown, now: datetime) -> bool:
        self._refuse_foreign(told_there.from_unit)
        ours = store.load_handoff(tx, told_there.call.id)
        decision = accepted(known_there(ours, known_from_wire(told_there, seat), origin))
        return self._keep(tx, decision, len(ours.steps) if ours else 0, now)

    def _take_seat(self, tx: Connection, origin: str, told_there: HandoffTold, seat: pb.SeatKnown) -> bool:
        self._refuse_foreign(seat.unit)
        ours = store.load_lease(tx, origin, told_there.offer_id)
        decision: Decision[Lease] = known_at_origin(ours, known_from_wire(told_there, seat), origin)
        if decision.events:
            store.add_lease(tx, decision.state)
        return bool(decision.events)

    def _refuse_foreign(self, code: str) -> None:
        unit = self._view.snapshot.units.get(code)
        if unit is None or not serves(unit, self._view.province):
            raise Refused(refuse(codes.UNIT_NOT_SERVED_HERE, unit=code[:6], member=self._view.province))

    def _keep(self, tx: Connection, decision: Decision[Handoff], heard: int, now: datetime) -> bool:
        """Keep a call of ours as it came back, and tell the hub the steps that it may not have."""
        if not decision.events:
            return False
        handoff_returns.put(tx, decision.state)
        if len(decision.state.steps) > heard:
            event = told_to_wire(told(decision.state, heard))
            self._delivery.outbox.append(tx, destination=HUB, message=event, key=decision.state.call.id, now=now)
        return True

    def _holds(self) -> Holds:
        limits = self._node.settings.handoff
        talk = timedelta(seconds=limits.call_hold_seconds)
        ringing = timedelta(seconds=limits.seat_hold_seconds)
        return {HandoffState.ACCEPTED: ringing, HandoffState.CONNECTED: talk, HandoffState.CONFERENCE: talk}
