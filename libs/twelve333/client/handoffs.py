"""Calls handed over: what a consultant's desktop asks its own node.

The id of a handoff comes from the asker, so a repeat is the same request and finds the same seat.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

from ..api.routing.v1 import routing_pb2, service_pb2_grpc
from ..api.routing.v1 import service_pb2 as pb
from ..core.routing.back import is_back, left_to_try
from ..core.routing.context import ContextItem
from ..core.routing.handoff import Handoff
from ..core.routing.machine import HOLDS_SEAT, HandoffState
from ..core.routing.model import Call
from ..data.numbers import region_of_number
from ..wire.routing import call_to_wire, context_from_wire, context_to_wire, handoff_from_wire, state_to_wire
from ..wire.times import from_timestamp
from .calls import Calls


@dataclass(frozen=True, slots=True)
class HandoffView:
    """A handoff as the node shows it.

    Args:
        handoff: its facts.
        context: what the caller told so far, by name.
        incoming: whether it came to this node from elsewhere.
        taken_by: incoming: the desktop or system that took it, empty while none has.
        withheld: right after placing: names of context items that do not travel, or with numbers blacked out, since the topic does not
            need them.
        context_until: of a call that came back: until when `get` gives its context, to who placed it.
    """

    handoff: Handoff
    context: Mapping[str, str]
    incoming: bool
    taken_by: str = ""
    withheld: tuple[str, ...] = ()
    context_until: datetime | None = None

    @property
    def rings(self) -> bool:
        """Whether it is an offer that nobody has taken yet."""
        return self.incoming and not self.taken_by and self.handoff.state in HOLDS_SEAT

    @property
    def is_back(self) -> bool:
        """Whether it was handed on from here and the caller is here again; the reason is in the handoff."""
        return not self.incoming and is_back(self.handoff)

    @property
    def next_units(self) -> tuple[str, ...]:
        """Of a call that came back, or that nobody took: the units that could answer when it was placed and were not asked, in order."""
        return tuple(candidate.unit for candidate in left_to_try(self.handoff))


class HandoffsClient:
    """Typed calls of `HandoffService`. Each may raise `ServiceError`."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._stub = service_pb2_grpc.HandoffServiceStub(calls.channel)

    async def place(
        self,
        from_unit: str,
        region: str,
        *,
        topic: str = "",
        language: str = "",
        caller_region: str = "",
        visited: Sequence[str] = (),
        priority: int = 0,
        context: Mapping[str, str] | None = None,
        handoff_id: str | None = None,
        after: str = "",
        again: str = "",
        caller_number: str = "",
    ) -> HandoffView:
        """Hand a call on: to the first unit that takes it, else to the last resort.

        Args:
            from_unit: the unit that hands it on, one of this node's.
            region: GB/T 2260 code of the place asked about.
            topic: classification code; empty: any.
            language: BCP 47 tag; Chinese if empty.
            caller_region: the place rung from; empty: not known.
            visited: units where the call was before, as far as one knows; they are not asked.
            priority: 0 (usual) to 9.
            context: what the other side needs to know, by names such as `question`; at most 16 items, 8,192 characters.
            handoff_id: made up if None. Give the same again to repeat.
            after: id of the handoff by which the call came here, if it goes on: where it was is then proved to whoever is asked.
            again: id of the handoff by which it was handed on before, if it came back; see `again`.
            caller_number: tells the place rung from, where that is not given; looked up here, never sent, kept or logged.
        """
        if caller_number and not caller_region:
            caller_region = region_of_number(caller_number)
        call = Call(handoff_id or new_id(), region, caller_region, topic, language, tuple(visited), priority, random.random())
        items = context_to_wire(ContextItem(name, text) for name, text in (context or {}).items())
        request = pb.PlaceHandoffRequest(call=call_to_wire(call), from_unit=from_unit, context=items, after=after, again=again)
        return view_of(await self._calls.unary(self._stub.PlaceHandoff, request))

    async def again(
        self,
        handoff_id: str,
        *,
        region: str = "",
        topic: str = "",
        context: Mapping[str, str] | None = None,
        new_handoff_id: str | None = None,
    ) -> HandoffView:
        """Hand a call on once more that came back: decided anew, past the units that had it; who was asked first stays who was.

        Args:
            handoff_id: by which it was handed on before.
            region, topic: what it is about, where that turned out to be something else.
            context: in place of what was told before, which the node keeps for a few minutes for who placed it.
            new_handoff_id: made up if None. Give the same again to repeat.
        """
        before = await self.get(handoff_id)
        call = before.handoff.call
        return await self.place(
            before.handoff.from_unit,
            region or call.region,
            topic=topic or call.topic,
            language=call.language,
            caller_region=call.caller_region,
            priority=call.priority,
            context=before.context if context is None else context,
            handoff_id=new_handoff_id,
            again=handoff_id,
        )

    async def connected(self, handoff_id: str) -> HandoffView:
        """The caller speaks with the unit."""
        return view_of(await self._calls.unary(self._stub.ReportConnected, pb.ReportConnectedRequest(id=handoff_id)))

    async def conference(self, handoff_id: str) -> HandoffView:
        """Three speak together: stay in until the other side has the caller, then report `connected`."""
        return view_of(await self._calls.unary(self._stub.ReportConference, pb.ReportConferenceRequest(id=handoff_id)))

    async def completed(self, handoff_id: str) -> HandoffView:
        """The conversation is over; said by the origin or by who took the call."""
        return view_of(await self._calls.unary(self._stub.ReportCompleted, pb.ReportCompletedRequest(id=handoff_id)))

    async def returned(self, handoff_id: str, reason: str) -> HandoffView:
        """The call is back at the origin; said there, or by the unit that accepted and cannot go on with it.

        Args:
            handoff_id: which.
            reason: a short word in UPPER_SNAKE such as NO_ANSWER, WRONG_TOPIC.
        """
        return view_of(await self._calls.unary(self._stub.ReturnHandoff, pb.ReturnHandoffRequest(id=handoff_id, reason=reason)))

    async def get(self, handoff_id: str) -> HandoffView:
        """One handoff of this node, outgoing or incoming, with its context."""
        return view_of(await self._calls.unary(self._stub.GetHandoff, pb.GetHandoffRequest(id=handoff_id)))

    async def list(self, state: HandoffState | None = None, limit: int = 100) -> list[HandoffView]:
        """Handoffs of this node, the newest first.

        Args:
            state: only those in this state.
            limit: at most this many, 1 to 500.
        """
        wanted = state_to_wire(state) if state else routing_pb2.HANDOFF_STATE_UNSPECIFIED
        answer = await self._calls.unary(self._stub.ListHandoffs, pb.ListHandoffsRequest(state=wanted, limit=limit))
        return [view_of(handoff) for handoff in answer.handoffs]


def new_id() -> str:
    """A fresh id for a handoff."""
    return uuid4().hex


def view_of(handoff: routing_pb2.Handoff) -> HandoffView:
    """A handoff as the node told it."""
    context = {item.name: item.text for item in context_from_wire(handoff.context)}
    until = from_timestamp(handoff.context_until) if handoff.HasField("context_until") else None
    return HandoffView(handoff_from_wire(handoff), context, handoff.incoming, handoff.taken_by, tuple(handoff.withheld), until)
