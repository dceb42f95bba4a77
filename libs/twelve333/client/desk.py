"""A consultant's desktop: offers as they come, calls of its own as they go, and no call missed when the connection is.

The node tells on arrival how everything open stands, so a desktop that comes back, or whose node was restarted, has lost nothing; what
it knew already is not told twice.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from ..api.routing.v1 import desk_pb2 as pb
from ..api.routing.v1 import desk_pb2_grpc
from ..core.decision import Kind
from ..core.routing.callbacks import CallbackState
from ..core.routing.machine import STEPS, HandoffState
from .callbacks import CallbackView, callback_view
from .calls import Calls, RetryPolicy
from .errors import ServiceError
from .handoffs import HandoffsClient, HandoffView, view_of

SILENT_SECONDS: Final = 15.0  # the node says something every 5 s
STREAM_SECONDS: Final = 600.0
_AGAIN: Final = frozenset({Kind.UNAVAILABLE, Kind.TIMED_OUT, Kind.EXHAUSTED})

_Seen = tuple[HandoffState, str, int]


class DeskClient:
    """Typed calls of `DeskService`. Each may raise `ServiceError`.

    Args:
        calls: what it calls through.
        handoffs: where it asks again about calls that ended while it was away.
        pauses: how long it waits before it listens again.
    """

    def __init__(self, calls: Calls, handoffs: HandoffsClient, pauses: RetryPolicy | None = None) -> None:
        self._calls, self._handoffs, self._pauses = calls, handoffs, pauses or RetryPolicy()
        self._stub = desk_pb2_grpc.DeskServiceStub(calls.channel)

    async def watch(self, units: Sequence[str] = ()) -> AsyncIterator[HandoffView]:
        """Each change of a call that concerns this desktop, for as long as one listens: first how everything open stands.

        Told are calls offered to the units, until they are over, and the calls that this desktop handed on, also those that came back
        (RETURNED, EXPIRED), with the reason, the decision behind them and who is left to try (`next_units`); never a context, which
        `handoffs.get` gives. A connection that is lost or silent is taken up again.

        Args:
            units: whose incoming calls: units of this node; all of them if empty.

        Raises:
            ServiceError: the node refuses, for a reason that waiting does not change.
        """
        seen: dict[tuple[bool, str], _Seen] = {}
        silent, greeted = set[tuple[bool, str]](), False
        async for answer in self._answers(units):
            if answer is None:
                silent, greeted = set(seen), False
            elif answer.HasField("handoff"):
                silent.discard((answer.handoff.incoming, answer.handoff.call.id))
                if _note(view := view_of(answer.handoff), seen):
                    yield view
            elif not greeted and not answer.HasField("callback"):
                greeted = True
                for key in silent:  # over, and told or not: the node speaks of it no more
                    if STEPS[seen.pop(key)[0]]:
                        view = await self._handoffs.get(key[1])
                        yield replace(view, context={})

    async def ringing_callbacks(self, units: Sequence[str] = ()) -> AsyncIterator[CallbackView]:
        """Callbacks offered by themselves because their callers were missed twice, each time they ring; `callbacks.take` takes one.

        Args, Raises: as `watch`.
        """
        rings = dict[str, datetime | None]()
        async for answer in self._answers(units):
            if answer is not None and answer.HasField("callback"):
                view = callback_view(answer.callback)
                callback = view.callback
                if callback.state is CallbackState.RINGING and rings.get(callback.call.id) != callback.held_until:
                    rings[callback.call.id] = callback.held_until
                    yield view

    async def offers(self, units: Sequence[str] = ()) -> AsyncIterator[HandoffView]:
        """Calls that ring, each once; `take` the one, and it is yours.

        Args, Raises: as `watch`.
        """
        told: set[str] = set()
        async for view in self.watch(units):
            name = view.handoff.call.id
            if view.rings and name not in told:
                told.add(name)
                yield view
            elif view.incoming and not view.rings:
                told.discard(name)

    async def take(self, handoff_id: str) -> HandoffView:
        """Take a call that rings: the first who asks has it, and gets what the caller told so far."""
        return view_of(await self._calls.unary(self._stub.TakeHandoff, pb.TakeHandoffRequest(id=handoff_id)))

    async def _answers(self, units: Sequence[str]) -> AsyncIterator[pb.WatchHandoffsResponse | None]:
        """What the node says, for ever; None whenever it begins anew."""
        failures = 0
        while True:
            yield None
            answers = self._calls.stream(self._stub.WatchHandoffs, pb.WatchHandoffsRequest(units=units), timeout=STREAM_SECONDS)
            try:
                while True:
                    yield await asyncio.wait_for(anext(answers), SILENT_SECONDS)
                    failures = 0
            except (StopAsyncIteration, TimeoutError):
                pass
            except ServiceError as error:
                if error.kind not in _AGAIN:
                    raise
                failures = min(failures + 1, 16)
                await asyncio.sleep(self._pauses.pause(failures, random.uniform(0.5, 1.0)))
            finally:
                await answers.aclose()


def _note(view: HandoffView, seen: dict[tuple[bool, str], _Seen]) -> bool:
    """Whether this is news."""
    key, handoff = (view.incoming, view.handoff.call.id), view.handoff
    news: _Seen = (handoff.state, view.taken_by, len(handoff.steps))
    if seen.get(key) == news:
        return False
    seen[key] = news
    return True
