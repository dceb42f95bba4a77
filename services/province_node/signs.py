"""Signs of life of this node's units, told to the hub: that their telephone systems speak, that calls go through them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

from twelve333.adapters.runner import Background
from twelve333.api.registration.v1 import events_pb2
from twelve333.core.ids import HUB
from twelve333.core.registration.silence import NOTED_EVERY, signs_to_tell
from twelve333.wire.times import to_timestamp

from .context import NodeContext
from .routing_view import RoutingView
from .store.signs import answered_since

TELL_SECONDS: Final = 60.0


class SignTelling:
    """`telling` looks every minute; what is told is told once an hour for each unit, and at once for one that is taken for silent.

    Args:
        node: the node's ports.
        view: which units are ours.
        reported: when each unit's telephone system last told its queue.
    """

    def __init__(self, node: NodeContext, view: RoutingView, reported: Callable[[], Mapping[str, datetime]]) -> None:
        self._node, self._view, self._reported = node, view, reported
        self._told: dict[str, datetime] = {}
        self.telling = Background("signs", self.step, TELL_SECONDS)

    async def step(self) -> None:
        """Tell what is due.

        Raises:
            Refused: DELIVERY_STORE_UNAVAILABLE.
        """
        now = self._node.clock()
        calls = await self._node.database.read(lambda tx: answered_since(tx, now - 2 * NOTED_EVERY))
        units, queues = self._view.known_units(), self._reported()
        kinds = {code: "queue" if at == queues.get(code) else "call" for code, at in {**calls, **queues}.items()}
        ours = {code: at for code, at in {**calls, **queues}.items() if code in units and units[code].member == self._node.province}
        silent = frozenset(code for code in ours if units[code].silent_since)
        due = signs_to_tell(ours, self._told, silent)
        if not due:
            return
        seen = [events_pb2.UnitSeen(code=code, at=to_timestamp(at), kind=kinds[code]) for code, at in sorted(due.items())]
        await self._node.database.write(
            lambda tx: self._node.outbox.append(tx, destination=HUB, message=events_pb2.UnitsSeen(units=seen), now=now)
        )
        self._told |= due
