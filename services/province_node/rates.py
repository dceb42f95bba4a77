"""How many calls a minute units admit: what ours admit of others, divided and told; and what others admit of us, kept before a call goes.

What a telephone system says of its unit holds as long as what it says of the queue: a few seconds. Where nothing is heard, nothing is
gapped, and the unit's own node says no to what is too much.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

from twelve333.core.decision import Refusal, refuse
from twelve333.core.routing import codes
from twelve333.core.routing.model import Call
from twelve333.core.routing.queues import LIFETIME
from twelve333.core.routing.rates import BURST_AT_UNIT, DELAY_MAX, Ceiling, Gapped, Gaps, Part, Share, Told, Wish, divide
from twelve333.core.routing.slots import TERM
from twelve333.wire.slots import Wanted


class RateBoard:
    """One for a node."""

    def __init__(self) -> None:
        self.gaps = Gaps()
        self._gate = Gaps(BURST_AT_UNIT)
        self._wanted: dict[tuple[str, str], dict[str, tuple[Wish, datetime]]] = {}
        self._told: dict[tuple[str, str], dict[str, list[Told]]] = {}

    def gapped(self, call: Call, now: datetime) -> Gapped:
        """What speaks against a call of ours now, by unit."""
        return Gapped(self.gaps, call, now)

    def heard(self, member_units: Collection[str], admitted: Mapping[str, Collection[Ceiling]], until: datetime, now: datetime) -> None:
        """A node told what its units admit of us; those of which it says nothing set no limit."""
        for unit in member_units:
            if unit in admitted or self.gaps.topics(unit):
                self.gaps.tell(unit, admitted.get(unit, ()), until, now)

    def reported(self, unit: str, ceilings: Collection[Ceiling], now: datetime) -> None:
        """A telephone system said what a unit of ours admits; what of it is kept for priority calls stands in it."""
        if ceilings or self._gate.topics(unit):
            self._gate.tell(unit, ceilings, now + LIFETIME, now)

    def wants(self, member: str, wanted: Iterable[Wanted], now: datetime) -> None:
        """Another node said how many calls it would send."""
        for each in wanted:
            for rate in filter(lambda it: it.is_sound, each.rates):
                if rate.topic in self._gate.topics(each.unit):
                    self._wanted.setdefault((each.unit, rate.topic), {})[member] = Wish(rate.per_minute, rate.priority), now + TERM

    def admit(self, unit: str, call: Call, now: datetime) -> Refusal | None:
        """Let a call of another node's pass, or say when to ask again."""
        until = self._gate.until(unit, call.topic, now, priority=call.has_priority)
        if until is not None:
            return refuse(codes.RATE_EXCEEDED, retry_after=until - now, unit=unit)
        self._gate.spend(unit, call.topic, now, priority=call.has_priority)
        return None

    def divided(self, sources: Collection[str], now: datetime) -> tuple[Share, ...]:
        """What our units admit of each source, to be told now.

        Args:
            sources: the other members that have a node.
            now: aware.
        """
        self.gaps.forget(now)
        self._gate.forget(now)
        ceilings = [(unit, it) for unit, its in sorted(self._gate.rates(now).items()) for it in its]
        keys = {(unit, it.topic) for unit, it in ceilings}
        self._told = {key: told for key, told in self._told.items() if key in keys}
        self._wanted = {key: wanted for key, wanted in self._wanted.items() if key in keys}
        return tuple(share for unit, it in ceilings for share in self._shares(unit, it, sources, now))

    def _shares(self, unit: str, ceiling: Ceiling, sources: Collection[str], now: datetime) -> Iterable[Share]:
        key = unit, ceiling.topic
        asked, told = self._wanted.get(key, {}), self._told.setdefault(key, {})
        wanted = {source: asked[source][0] if source in asked and asked[source][1] > now else Wish(0.0) for source in sources}
        alike = dict[Part, list[str]]()
        for source, part in divide(ceiling, wanted, told, now).items():
            told[source] = [*(one for one in told.get(source, ()) if one.until > now), Told(part.per_minute, now + LIFETIME + DELAY_MAX)]
            alike.setdefault(part, []).append(source)
        return [Share(unit, ceiling.topic, part.per_minute, tuple(sorted(some)), part.priority) for part, some in alike.items()]
