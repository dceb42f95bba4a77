"""Last resorts carried out at the origin: a callback or message handed to its unit, a case opened for the unit that was asked first.

Everything is one unit of work with the step it belongs to; what is for another node goes through the outbox, so neither a restart nor
an absent hub, broker or peer loses a caller's wish.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Final

from sqlalchemy import Connection

from twelve333.adapters.telemetry.logs import logger
from twelve333.api.routing.v1 import callback_pb2
from twelve333.catalogue.catalogue import sentence
from twelve333.core.cases.messages import OpenCase
from twelve333.core.cases.model import SUMMARY_CHARS_MAX
from twelve333.core.decision import Refusal, Refused, accepted, refuse
from twelve333.core.registration.codes import UNIT_UNKNOWN
from twelve333.core.routing import codes
from twelve333.core.routing.callbacks import Callback, CallbackState, Wish, check_wish
from twelve333.core.routing.context_needs import minimised
from twelve333.core.routing.handoff import Handoff, bring_back, complete, settle
from twelve333.core.routing.model import LastResortKind
from twelve333.wire.callbacks import callback_to_wire

from .case_steps import CaseSteps, serving_members
from .handoffs import Handoffs
from .store import routing as store

OTHER_TOPIC: Final = "99"  # a case always has one
Enter = Callable[[Connection, Callback, Wish, datetime], None]

log = logger("routing")


class LastResorts:
    """Last resorts of this node's handoffs.

    Args:
        handoffs: the node's outgoing handoffs.
        enter: puts a callback into the line of a unit of ours.
    """

    def __init__(self, handoffs: Handoffs, enter: Enter) -> None:
        self._handoffs, self._node, self._view = handoffs, handoffs.node, handoffs.view
        self._enter = enter
        self._cases = CaseSteps(handoffs.node)

    async def settle(self, handoff_id: str, kind: LastResortKind, wish: Wish, summary: str, signer: str) -> Handoff:
        """Carry out the last resort of a handoff that nobody took; a repeat changes nothing.

        Args:
            handoff_id: which.
            kind: how.
            wish: what the caller left, for a callback or message.
            summary: for a case; made from the context if empty.
            signer: the desktop or system that asks.

        Raises:
            Refused: ROUTING_HANDOFF_UNKNOWN, as `settle` and `check_wish` say, or as opening a case does.
        """
        now = self._node.clock()

        def keep(tx: Connection) -> Handoff:
            known = self._handoffs.own(tx, handoff_id)
            decision = accepted(settle(known, kind, now))
            if not decision.events:
                return decision.state
            items = store.load_context(tx, handoff_id)
            if kind is LastResortKind.CASE:
                whole = Wish(items=items)
                if refusal := self._open_case(tx, known, summary or self._summary(known, whole), signer, now):
                    raise Refused(refusal)
            else:
                told = minimised(items, known.call.topic, self._handoffs.needs).items
                self._ask(tx, decision.state, replace(wish, items=told), now)
            self._handoffs.keep_step(tx, known, decision, now)
            return decision.state

        return await self._node.audit.write("handoff.settle", handoff_id, keep)

    def ended(self, tx: Connection, member: str, callback_id: str, state: CallbackState, wish: Wish, now: datetime) -> None:
        """The unit says what became of a callback; one that is given back becomes a case of the unit that was asked first.

        Raises:
            Refused: ROUTING_HANDOFF_UNKNOWN, ROUTING_OFFER_NOT_YOURS.
        """
        known = self._handoffs.own(tx, callback_id)
        unit = self._view.snapshot.units.get(known.unit)
        if unit is not None and unit.member != member:
            raise Refused(refuse(codes.OFFER_NOT_YOURS, offer=callback_id[:80]))
        back = state is CallbackState.GIVEN_BACK
        outcome = bring_back(known, codes.CALLBACK_MISSED.name, now) if back else complete(known, now)
        if isinstance(outcome, Refusal) or not outcome.events:
            return  # older than what is known
        if back and (refusal := self._open_case(tx, known, self._summary(known, wish), known.placed_by, now)):
            log.warning("no case for a callback that was given back", code=refusal.code.name)
        self._handoffs.keep_step(tx, known, outcome, now)

    def _ask(self, tx: Connection, handoff: Handoff, wish: Wish, now: datetime) -> None:
        kind = handoff.last_resort.kind if handoff.last_resort else LastResortKind.CALLBACK
        if refusal := check_wish(kind, wish):
            raise Refused(refusal)
        unit = self._view.snapshot.units.get(handoff.unit)
        if unit is None:
            raise Refused(refuse(UNIT_UNKNOWN, code=handoff.unit))
        callback = Callback(handoff.call, handoff.from_unit, self._node.province, handoff.unit, kind, handoff.steps[0].at)
        if unit.member == self._node.province:
            self._enter(tx, callback, wish, now)
            return
        message = callback_pb2.CallbackAsked(callback=callback_to_wire(callback, wish))
        self._node.outbox.append(tx, destination=unit.member, message=message, key=handoff.call.id, now=now)

    def _open_case(self, tx: Connection, handoff: Handoff, summary: str, signer: str, now: datetime) -> Refusal | None:
        """The case has the id of the handoff, so that the one leads to the other."""
        call, unit = handoff.call, handoff.from_unit
        command = OpenCase(call.id, unit, signer or "node", call.topic or OTHER_TOPIC, call.region, summary[:SUMMARY_CHARS_MAX])
        outcome = self._cases.take(tx, command, call.id, serving_members(self._node.directory.current, [unit]), now)
        return outcome if isinstance(outcome, Refusal) else None

    def _summary(self, handoff: Handoff, wish: Wish) -> str:
        lines = [f"{item.name}: {item.text}" for item in wish.items]
        left = [text for text in (wish.number, wish.recording) if text]
        return "\n".join([*lines, *left]) or sentence("ROUTING_CASE_SUMMARY", {"region": handoff.call.region}, self._node.settings.locale)
