"""Callbacks and messages that a unit owes callers, and last resorts carried out: what a desktop asks its own node."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import uuid4

from ..api.routing.v1 import callback_pb2 as pb
from ..api.routing.v1 import callback_pb2_grpc
from ..core.routing.callbacks import Callback, Wish
from ..core.routing.model import LastResortKind
from ..wire.callbacks import callback_from_wire, wish_from_wire, wish_to_wire
from ..wire.routing import KIND_OUT
from .calls import Calls
from .handoffs import HandoffView, view_of


@dataclass(frozen=True, slots=True)
class CallbackView:
    """A callback as the node shows it, and what the caller left: to who took it only."""

    callback: Callback
    wish: Wish


class CallbacksClient:
    """Typed calls of `CallbackService`. Each may raise `ServiceError`."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._stub = callback_pb2_grpc.CallbackServiceStub(calls.channel)

    async def ask(self, handoff_id: str, number: str) -> HandoffView:
        """Have a caller called back by the unit that the last resort of a handoff names; he keeps his place in the line.

        Args:
            handoff_id: which.
            number: where he is called back; sealed, seen only by who takes the callback, and forgotten when he was reached.
        """
        return await self._settle(handoff_id, LastResortKind.CALLBACK, Wish(number=number))

    async def leave_message(self, handoff_id: str, recording: str, sha256: bytes) -> HandoffView:
        """Hand a recorded message to the unit that the last resort names, as a task.

        Args:
            handoff_id: which.
            recording: where the telephone system keeps it.
            sha256: hash of the recording, 32 bytes.
        """
        return await self._settle(handoff_id, LastResortKind.VOICEMAIL, Wish(recording=recording, recording_sha256=sha256))

    async def open_case(self, handoff_id: str, summary: str = "") -> HandoffView:
        """Open a case for the unit that was asked first; its id is that of the handoff.

        Args:
            handoff_id: which.
            summary: what the caller wants; made from the context if empty.
        """
        return await self._settle(handoff_id, LastResortKind.CASE, Wish(), summary)

    async def list(self, units: Sequence[str] = (), *, everything: bool = False) -> list[CallbackView]:
        """The line in the order of turns.

        Args:
            units: of these units of the node; of all if empty.
            everything: those that are over as well.
        """
        answer = await self._calls.unary(self._stub.ListCallbacks, pb.ListCallbacksRequest(units=units, all=everything))
        return [callback_view(each) for each in answer.callbacks]

    async def take(self, unit: str, *, take_id: str | None = None) -> CallbackView:
        """Take the next one of a unit; nobody picks.

        Args:
            unit: one of the node's.
            take_id: made up if None. Give the same again to repeat.
        """
        request = pb.TakeCallbackRequest(unit=unit, take_id=take_id or uuid4().hex)
        return callback_view(await self._calls.unary(self._stub.TakeCallback, request))

    async def done(self, callback_id: str) -> CallbackView:
        """The caller was reached, or the message heard and answered."""
        return callback_view(await self._calls.unary(self._stub.ReportCallbackDone, pb.ReportCallbackDoneRequest(id=callback_id)))

    async def missed(self, callback_id: str) -> CallbackView:
        """The caller was not reached: tried again after ten minutes; missed twice it rings by itself, three times it becomes a case."""
        return callback_view(await self._calls.unary(self._stub.ReportCallbackMissed, pb.ReportCallbackMissedRequest(id=callback_id)))

    async def _settle(self, handoff_id: str, kind: LastResortKind, wish: Wish, summary: str = "") -> HandoffView:
        request = pb.SettleLastResortRequest(id=handoff_id, kind=KIND_OUT[kind], wish=wish_to_wire(wish), summary=summary)
        return view_of(await self._calls.unary(self._stub.SettleLastResort, request))


def callback_view(shown: pb.Callback) -> CallbackView:
    """A callback as the node told it."""
    return CallbackView(callback_from_wire(shown), wish_from_wire(shown.wish))
