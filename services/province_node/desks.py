"""What desktops hear of calls: each change after its commit, in order, and on arrival everything that is open.

One task reads and tells, so that a desktop never sees an older state after a newer one; it works only while somebody listens. Nothing is
kept for those who are away: who comes back is told how everything open stands, which is all that matters then.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Final

from twelve333.adapters.runner import Background
from twelve333.adapters.sql.database import Notes
from twelve333.api.routing.v1 import callback_pb2, desk_pb2, routing_pb2
from twelve333.core.decision import Refused, refuse
from twelve333.core.routing import codes
from twelve333.core.routing.back import KEPT_FOR, is_back
from twelve333.core.routing.callbacks import Callback, CallbackState
from twelve333.core.routing.handoff import Handoff
from twelve333.core.routing.machine import STEPS
from twelve333.core.routing.offers import Lease
from twelve333.wire.callbacks import callback_to_wire
from twelve333.wire.routing import handoff_to_wire, lease_to_wire

from .context import NodeContext
from .store import callbacks as callback_store
from .store import routing as store

AT_ONCE_MAX: Final = 500  # handoffs read in one go
WAITING_MAX: Final = 2_000  # changes that one desktop has not read yet
OWN_FOR: Final = timedelta(hours=12)  # a desktop that comes hears of what it placed since then and is not over,
ENDED_FOR: Final = KEPT_FOR  # or is for no longer than this
LOOK_SECONDS: Final = 5.0

Change = desk_pb2.WatchHandoffsResponse  # an empty one: everything open was said, or nothing is new


class Watcher:
    """One desktop that listens.

    Args:
        units: whose incoming calls it hears.
        holder: its name; it hears of the calls that it placed itself.
    """

    def __init__(self, units: frozenset[str], holder: str) -> None:
        self.units, self.holder, self.greeted = units, holder, False
        self._said: dict[tuple[str, str, str], bytes] = {}
        self._waiting: asyncio.Queue[Change] = asyncio.Queue(WAITING_MAX)
        self._ended = asyncio.Event()

    async def next(self, seconds: float) -> Change:
        """The next change; an empty one when everything open was said, or nothing came for so long.

        Raises:
            Refused: ROUTING_DESK_TOO_SLOW.
            EOFError: the node stops.
        """
        if self._waiting.full():
            raise Refused(refuse(codes.DESK_TOO_SLOW, retry_after=timedelta(seconds=1), most=WAITING_MAX))
        if self._ended.is_set():
            raise EOFError
        try:
            return await asyncio.wait_for(self._waiting.get(), seconds)
        except TimeoutError:
            return Change()

    def say(self, outgoing: Sequence[Handoff], incoming: Sequence[Lease]) -> None:
        """Tell what concerns this desktop and is new to it."""
        for handoff in outgoing:
            if handoff.placed_by == self.holder:
                self._put(("out", handoff.call.id, ""), handoff_to_wire(handoff if is_back(handoff) else replace(handoff, route=None)))
        for lease in incoming:
            if lease.offer.unit in self.units:
                self._put(("in", lease.offer.call.id, lease.offer.unit), lease_to_wire(lease))

    def say_callbacks(self, callbacks: Sequence[Callback]) -> None:
        """Tell of callbacks that ring, and of those that rang what became of them."""
        for callback in callbacks:
            key = ("callback", callback.call.id, callback.unit)
            if callback.unit in self.units and (callback.state is CallbackState.RINGING or key in self._said):
                self._put(key, callback_to_wire(callback))

    def greet(self) -> None:
        """Everything open was said."""
        self.greeted = True
        self._offer(Change())

    def end(self) -> None:
        """The node stops."""
        self._ended.set()
        self._offer(Change())

    def _put(self, key: tuple[str, str, str], shown: routing_pb2.Handoff | callback_pb2.Callback) -> None:
        said = shown.SerializeToString(deterministic=True)
        if self._said.get(key) != said:
            self._said[key] = said
            self._offer(Change(handoff=shown) if isinstance(shown, routing_pb2.Handoff) else Change(callback=shown))

    def _offer(self, change: Change) -> None:
        if not self._waiting.full():  # `next` ends a stream that is that far behind
            self._waiting.put_nowait(change)


class Desks:
    """The desktops that listen at a node; `telling` tells them."""

    def __init__(self, node: NodeContext) -> None:
        self._node = node
        self._watchers: set[Watcher] = set()
        self._changed: set[str] = set()
        self._called_back: set[str] = set()
        self.telling = Background("desks", self.tell, LOOK_SECONDS)
        node.database.after_commit(self._committed)

    @contextmanager
    def watching(self, units: frozenset[str], holder: str) -> Iterator[Watcher]:
        """Listen, from now on and until the end of the block."""
        watcher = Watcher(units, holder)
        self._watchers.add(watcher)
        self.telling.wake()
        try:
            yield watcher
        finally:
            self._watchers.discard(watcher)

    async def tell(self) -> None:
        """Greet who came, and tell everybody what changed."""
        ids, self._changed, back, self._called_back = self._changed, set(), self._called_back, set()
        try:
            await self._greet()
            await self._tell_changes(sorted(ids))
            if back:
                callbacks = await self._node.database.read(lambda tx: callback_store.load_callbacks(tx, back))
                for watcher in self._watchers:
                    watcher.say_callbacks(callbacks)
        except Refused:  # the database is away: the next step tells it
            self._changed |= ids
            self._called_back |= back
            raise

    async def _greet(self) -> None:
        for watcher in [each for each in self._watchers if not each.greeted]:
            now = self._node.clock()
            read = partial(store.open_handoffs, holder=watcher.holder, now=now, since=now - OWN_FOR)
            outgoing, incoming = await self._node.database.read(read)
            watcher.say([each for each in outgoing if STEPS[each.state] or each.steps[-1].at > now - ENDED_FOR], incoming)
            watcher.say_callbacks(await self._node.database.read(callback_store.ringing_callbacks))
            watcher.greet()

    async def _tell_changes(self, changed: Sequence[str]) -> None:
        for start in range(0, len(changed), AT_ONCE_MAX):
            part = changed[start : start + AT_ONCE_MAX]
            outgoing, incoming = await self._node.database.read(partial(store.known_handoffs, ids=part))
            for watcher in self._watchers:
                watcher.say(outgoing, incoming)

    async def close(self) -> None:
        """End every stream, so that the node can stop at once."""
        for watcher in self._watchers:
            watcher.end()

    def _committed(self, notes: Notes) -> None:
        ids, back = notes.get(store.CHANGED, ()), notes.get(callback_store.CHANGED, ())
        if self._watchers and (ids or back):
            self._changed.update(ids)
            self._called_back.update(back)
            self.telling.wake()
