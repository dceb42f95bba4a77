"""How units' queues stand: taken from the province's telephone systems, told to the other nodes every second, heard from them.

It goes over the broker and is kept nowhere. While the broker is away what was told grows stale within seconds, and calls are decided
without it, as the units' own answers to offers say.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Final

from google.protobuf.message import DecodeError
from opentelemetry import metrics

from twelve333.adapters.bus.nats import NatsBus
from twelve333.adapters.bus.signed import Signing
from twelve333.adapters.clock import Clock
from twelve333.adapters.runner import Background
from twelve333.adapters.signing.statements import Signature
from twelve333.adapters.telemetry.logs import logger
from twelve333.api.routing.v1 import queue_pb2 as pb
from twelve333.core.coverage.snapshot import NOBODY
from twelve333.core.ids import HUB
from twelve333.core.routing.model import Queue
from twelve333.core.routing.queues import LIFETIME, LIFETIME_MAX, STALE_FOR, Report, Told, admitted, hear
from twelve333.core.routing.rates import Share, with_reserve
from twelve333.wire.queues import SAID, decode_told, encode_told
from twelve333.wire.subjects import queues_subject, sender_of

from .routing_view import RoutingView

TELL_SECONDS: Final = 1.0

_METER = metrics.get_meter("twelve333.routing")
_HEARD = _METER.create_counter("twelve333.routing.queues_heard", description="what other nodes told of their queues, by what became of it")
log = logger("routing")


class QueueBoard:
    """What this node knows of queues.

    Args:
        member: our province.
        clock: the present moment.
        view: what the node routes by; it is given the queues.
        excluded: whether a member is revoked.

    `telling` tells the others every second, and soon after a report.
    """

    def __init__(self, member: str, clock: Clock, view: RoutingView, excluded: Callable[[str], bool]) -> None:
        self._member, self._clock, self._units, self._excluded = member, clock, view.known_units, excluded
        self._rates, self._view, self.divided = view.rates, view, tuple[Share, ...]()
        self.telling = Background("queues", self.tell, TELL_SECONDS)
        view.queues = lambda: self._queues
        self._queues: dict[str, Queue] = {}
        self._last: dict[str, datetime] = {}
        self.reported: dict[str, datetime] = {}  # when the telephone system of each unit of ours last spoke
        self._bus: NatsBus | None = None
        self._signing: Signing | None = None

    @property
    def queues(self) -> Mapping[str, Queue]:
        """By unit; what has expired is stale, and stays for a while."""
        return self._queues

    def attach(self, bus: NatsBus, signing: Signing) -> None:
        """Tell and hear over this bus, signed."""
        self._bus, self._signing = bus, signing
        bus.on_told(self.heard)

    def report(self, unit: str, report: Report) -> None:
        """Take what a telephone system says of a unit of ours; it was checked."""
        now = self._clock()
        self.reported[unit] = now
        self._queues[unit] = Queue(report.active, report.free, report.waiting, report.wait_s, now, now + LIFETIME)
        declared = self._view.snapshot.declarations.get(unit, NOBODY)
        self._rates.reported(unit, with_reserve(report.admits, declared.reserved_pct), now)
        self.telling.wake()

    async def tell(self) -> None:
        """Tell the others how our units stand, as far as their telephone systems said so lately; forget what nobody speaks of any more."""
        now, units = self._clock(), self._units()
        self._queues = {unit: queue for unit, queue in self._queues.items() if queue.expires_at + STALE_FOR > now}
        ours = {unit: queue for unit, queue in self._queues.items() if unit in units and units[unit].member == self._member}
        fresh = {unit: Report(it.active, it.free, it.waiting, it.wait_s) for unit, it in ours.items() if it.expires_at > now}
        self.divided = self._rates.divided(self._others(), now) if fresh else ()
        if not fresh or self._bus is None or self._signing is None:
            return
        told = encode_told(Told(self._member, now, LIFETIME, fresh, self.divided))
        signature = self._signing.signer.sign(SAID + told)
        message = pb.SignedQueuesTold(told=told, signature=signature.value, chain=signature.chain)
        await self._bus.tell(queues_subject(self._member), message.SerializeToString())

    def heard(self, subject: str, data: bytes) -> None:
        """Take what another node told of its units."""
        sender = sender_of(subject) or ""
        if sender == self._member:
            return
        told = self._checked(sender, data)
        _HEARD.add(1, {"peer": sender, "outcome": "dropped" if told is None else "taken"})
        if told is None:
            return
        last, units, now = self._last.get(sender), self._units(), self._clock()
        self._queues |= hear(told, last, units, now)
        if last is None or told.at > last:
            theirs = [code for code, unit in units.items() if unit.member == sender]
            until = now + max(timedelta(), min(told.lifetime, LIFETIME_MAX))
            self._rates.heard(theirs, admitted(told, units, self._member), until, now)
        self._last[sender] = max(told.at, last or told.at)

    def admitted(self) -> list[Share]:
        """What units of others admit of us now."""
        rates = self._rates.gaps.rates(self._clock())
        return [Share(unit, it.topic, it.per_minute, (self._member,), it.priority) for unit, its in sorted(rates.items()) for it in its]

    def _others(self) -> list[str]:
        """Members among which rates are divided."""
        members = self._view.snapshot.members
        return sorted(each for each in members if each not in (self._member, HUB) and not self._excluded(each))

    def _checked(self, sender: str, data: bytes) -> Told | None:
        if self._excluded(sender) or self._signing is None:
            return None
        try:
            message = pb.SignedQueuesTold.FromString(data)
        except DecodeError:
            return None
        refusal = self._signing.verifier.check(sender, SAID + message.told, Signature(message.signature, message.chain))
        if refusal is not None:
            log.error("signature refused", code=refusal.code.name, peer=sender)
            return None
        told = decode_told(message.told)
        return told if told is not None and told.member == sender else None
