"""The line of callbacks at a unit's node: who is next, who has one, what rings by itself, and the origin told of the end."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from opentelemetry import metrics
from sqlalchemy import Connection

from twelve333.api.routing.v1 import callback_pb2
from twelve333.core.decision import Decision, Refusal, Refused, accepted, refuse
from twelve333.core.ids import check_id
from twelve333.core.routing import codes
from twelve333.core.routing.callbacks import (
    Callback,
    CallbackState,
    Seat,
    Wish,
    enter,
    finish,
    miss,
    next_in_line,
    offer_by_itself,
    run_out,
    take_callback,
)
from twelve333.core.routing.offers import Offer, seat_for
from twelve333.wire.callbacks import STATE_OUT, wish_to_wire

from .context import NodeContext
from .routing_view import RoutingView
from .seats import post_of
from .store import callbacks as store

Ended = Callable[[Connection, str, str, CallbackState, Wish, datetime], None]
Rule = Callable[[Callback], Decision[Callback] | Refusal]

_STEPS = metrics.get_meter("twelve333.routing").create_counter("twelve333.routing.callbacks", description="steps of callbacks, by state")
_OVER = frozenset({CallbackState.DONE, CallbackState.GIVEN_BACK})


class CallbackLine:
    """Callbacks of this node's units.

    Args:
        node: its ports.
        view: what it routes by.

    `ended` hears, within the unit of work, of those whose origin is this node.
    """

    def __init__(self, node: NodeContext, view: RoutingView) -> None:
        self._node, self._view = node, view
        self.ended: Ended = lambda *_: None

    def enter(self, tx: Connection, callback: Callback, wish: Wish, now: datetime) -> None:
        """Put one into the line; a repeat changes nothing.

        Raises:
            Refused: ROUTING_UNIT_NOT_SERVED_HERE.
        """
        unit = self._view.snapshot.units.get(callback.unit)
        if unit is None or unit.member != self._node.province:
            raise Refused(refuse(codes.UNIT_NOT_SERVED_HERE, unit=callback.unit[:6], member=self._node.province))
        store.add_callback(tx, enter(callback, now), wish, now)

    async def take(self, unit: str, take_id: str, holder: str) -> tuple[Callback, Wish]:
        """Take the next in line, with what the caller left.

        Args:
            unit: one of ours.
            take_id: made by the asker.
            holder: the desktop or system.

        Raises:
            Refused: ROUTING_FROM_UNIT_NOT_HERE, ROUTING_CALLBACK_NONE, ROUTING_NO_SEAT_FREE.
        """
        if refusal := check_id(take_id):
            raise Refused(refusal)
        if (known := self._view.snapshot.units.get(unit)) is None or known.member != self._node.province:
            raise Refused(refuse(codes.FROM_UNIT_NOT_HERE, unit=unit[:6], member=self._node.province))
        now = self._node.clock()

        def keep(tx: Connection) -> tuple[Callback, Wish]:
            line = store.line_of(tx, [unit])
            mine = next((each for each in line if (each.taken_by, each.take_id) == (holder, take_id)), None)
            first = mine or self._first(tx, line, unit, now)
            decision = accepted(take_callback(first, holder, take_id, now))
            self._keep(tx, decision, now)
            return decision.state, store.load_wish(tx, first.call.id)

        return await self._node.audit.write("callback.take", unit, keep)

    async def done(self, callback_id: str, holder: str) -> Callback:
        """The caller was reached; `holder` empty: an operator says so."""
        return await self._step(callback_id, lambda callback: finish(callback, holder))

    async def missed(self, callback_id: str, holder: str) -> Callback:
        """The caller was not reached."""
        now = self._node.clock()
        return await self._step(callback_id, lambda callback: miss(callback, holder, now))

    async def sweep(self) -> None:
        """End what nobody spoke of again, and let ring what was missed twice and whose turn has come."""
        now = self._node.clock()

        def keep(tx: Connection) -> None:
            for late in store.overdue_callbacks(tx, now):
                self._keep(tx, accepted(run_out(late, now)), now)
            missed = store.missed_callbacks(tx, now)
            for unit in {each.unit for each in missed}:
                ringing = offer_by_itself([each for each in missed if each.unit == unit], self._seats(tx, unit, now), now)
                if ringing:
                    self._keep(tx, Decision(ringing, (ringing,)), now)

        if await self._node.database.read(lambda tx: store.overdue_callbacks(tx, now) or store.missed_callbacks(tx, now)):
            await self._node.database.write(keep)

    async def _step(self, callback_id: str, rule: Rule) -> Callback:
        now = self._node.clock()

        def keep(tx: Connection) -> Callback:
            known = next(iter(store.load_callbacks(tx, [callback_id])), None)
            if known is None:
                raise Refused(refuse(codes.CALLBACK_UNKNOWN, id=callback_id[:64]))
            decision = accepted(rule(known))
            self._keep(tx, decision, now)
            return decision.state

        return await self._node.database.write(keep)

    def _first(self, tx: Connection, line: list[Callback], unit: str, now: datetime) -> Callback:
        first = next_in_line(line, self._seats(tx, unit, now), now)
        if first is not None:
            return first
        waiting = next_in_line(line, lambda _: "", now)
        if waiting is None:
            raise Refused(refuse(codes.CALLBACK_NONE, unit=unit))
        wanting = seat_for(_as_offer(waiting, now), post_of(tx, self._view.snapshot, self._node.province, unit, now), now)
        raise Refused(wanting if isinstance(wanting, Refusal) else refuse(codes.CALLBACK_NONE, unit=unit))

    def _seats(self, tx: Connection, unit: str, now: datetime) -> Seat:
        """A callback gets a seat as a call of its caller would: with its skill, and within what is kept for whom he asked first."""
        post = post_of(tx, self._view.snapshot, self._node.province, unit, now)

        def seat(callback: Callback) -> str | None:
            found = seat_for(_as_offer(callback, now), post, now)
            return None if isinstance(found, Refusal) else found[0]

        return seat

    def _keep(self, tx: Connection, decision: Decision[Callback], now: datetime) -> None:
        if not decision.events:
            return
        after, wish = decision.state, Wish()
        if after.state in _OVER:
            wish = store.load_wish(tx, after.call.id) if after.state is CallbackState.GIVEN_BACK else wish
            self._tell_origin(tx, after, wish, now)
        store.save_callback(tx, after)
        _STEPS.add(1, {"state": after.state.value})

    def _tell_origin(self, tx: Connection, callback: Callback, wish: Wish, now: datetime) -> None:
        name = callback.call.id
        if callback.from_member == self._node.province:
            self.ended(tx, callback.from_member, name, callback.state, wish, now)
            return
        message = callback_pb2.CallbackEnded(id=name, state=STATE_OUT[callback.state], wish=wish_to_wire(wish))
        self._node.outbox.append(tx, destination=callback.from_member, message=message, key=name, now=now)


def _as_offer(callback: Callback, now: datetime) -> Offer:
    return Offer(callback.call.id, callback.call, callback.from_unit, callback.from_member, callback.unit, now)
