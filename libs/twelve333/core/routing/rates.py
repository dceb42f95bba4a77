"""Overload said aloud: how many calls a minute a unit admits from others, divided among them by its node, and kept by each of them itself.

Rule served: what the sources may send is together never more than what the unit admits. A rate that is told is believed for a while, so
another source gets more only once the one that gets less can no longer believe the old figure. Part of the rate is for everybody alike,
so that who was quiet can begin at once; the rest goes as evenly as what each wants allows.
Source of the idea: RFC 7200 and RFC 7339 (load and overload control of SIP); of the measure: ITU-T I.371, the leaky bucket (GCRA).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from math import isfinite
from typing import Final, NamedTuple

from ..coverage.declaring import is_topic
from .model import Call
from .shares import even_rates

FOR_ALL: Final = 0.2  # of the rate is divided alike, whoever calls
BURST: Final = timedelta(seconds=5)  # a source may be ahead of its rate by so much
BURST_AT_UNIT: Final = timedelta(seconds=15)  # and all of them together
DELAY_MAX: Final = timedelta(seconds=5)  # what is told arrives sooner, or not at all
PER_MINUTE_MAX: Final = 1_000_000.0
TOPICS_MAX: Final = 20


class Ceiling(NamedTuple):
    """So many calls a minute are admitted about a topic (a prefix; empty: about anything)."""

    topic: str
    per_minute: float

    @property
    def is_sound(self) -> bool:
        """Whether it can be."""
        return (not self.topic or is_topic(self.topic)) and isfinite(self.per_minute) and 0 <= self.per_minute <= PER_MINUTE_MAX


class Share(NamedTuple):
    """So many calls a minute a unit admits of each of these sources about a topic."""

    unit: str
    topic: str
    per_minute: float
    sources: tuple[str, ...]


class Told(NamedTuple):
    """A rate told to a source, and until when it may be believed."""

    per_minute: float
    until: datetime


def divide(per_minute: float, wanted: Mapping[str, float], told: Mapping[str, Sequence[Told]], now: datetime) -> dict[str, float]:
    """Divide a rate among sources.

    Args:
        per_minute: what the unit admits.
        wanted: by source, every one of them, the calls a minute that it would send.
        told: what was told to sources before.
        now: aware.

    Returns:
        What to tell each source; with whatever may still be believed it is together at most `per_minute`, unless that was lowered just now.
    """
    if not wanted:
        return {}
    alike = per_minute * FOR_ALL / len(wanted)
    more = even_rates(per_minute * (1 - FOR_ALL), {name: max(0.0, want - alike) for name, want in wanted.items()})
    shares = {name: alike + more[name] for name in wanted}
    believed = {name: max((one.per_minute for one in ones if one.until > now), default=0.0) for name, ones in told.items()}
    rises = {name: max(0.0, share - believed.get(name, 0.0)) for name, share in shares.items()}
    room, rising = per_minute - sum(believed.values()), sum(rises.values())
    part = min(1.0, max(0.0, room) / rising) if rising else 0.0
    return {name: min(share, believed.get(name, 0.0) + rises[name] * part) for name, share in shares.items()}


class Gaps:
    """Buckets that leak at the rates told: one for each unit and topic. Time is given in; what has expired gaps nobody.

    Args:
        burst: by how much calls may be ahead of their rate.
    """

    def __init__(self, burst: timedelta = BURST) -> None:
        self._burst = burst
        self._rates: dict[str, dict[str, Told]] = {}
        self._due: dict[tuple[str, str], datetime] = {}

    def tell(self, unit: str, ceilings: Collection[Ceiling], until: datetime, now: datetime) -> None:
        """What a unit admits of us, in place of what it said before; what we are ahead of the old rate counts at the new one."""
        before = self._rates.pop(unit, {})
        for each in ceilings:
            old, due = before.get(each.topic), self._due.get((unit, each.topic))
            if old and due and due > now and each.per_minute > 0:
                self._due[unit, each.topic] = now + (due - now) * (old.per_minute / each.per_minute)
        if ceilings:
            self._rates[unit] = {each.topic: Told(each.per_minute, until) for each in ceilings}

    def rates(self, now: datetime) -> dict[str, list[Ceiling]]:
        """By unit, what counts now."""
        found = dict[str, list[Ceiling]]()
        for unit, rates in self._rates.items():
            for topic, told in rates.items():
                if told.until > now:
                    found.setdefault(unit, []).append(Ceiling(topic, told.per_minute))
        return found

    def topics(self, unit: str) -> Collection[str]:
        """Topics about which a unit said something."""
        return self._rates.get(unit, {}).keys()

    def until(self, unit: str, topic: str, now: datetime) -> datetime | None:
        """Until when a call about a topic has to wait; None if it may go now."""
        waits = [self._waits(unit, about, told, now) for about, told in self._of(unit, topic, now)]
        return max((wait for wait in waits if wait > now), default=None)

    def spend(self, unit: str, topic: str, now: datetime) -> None:
        """A call goes to a unit."""
        for about, told in self._of(unit, topic, now):
            if told.per_minute > 0:
                due = self._due.get((unit, about), now)
                self._due[unit, about] = max(due, now) + timedelta(minutes=1) / told.per_minute

    def forget(self, now: datetime) -> None:
        """Forget what has ended, so that nothing grows."""
        self._rates = {unit: rates for unit, rates in self._rates.items() if any(it.until > now for it in rates.values())}
        self._due = {key: due for key, due in self._due.items() if key[0] in self._rates or due > now}

    def _of(self, unit: str, topic: str, now: datetime) -> Iterator[tuple[str, Told]]:
        for about, told in self._rates.get(unit, {}).items():
            if topic.startswith(about) and told.until > now:
                yield about, told

    def _waits(self, unit: str, about: str, told: Told, now: datetime) -> datetime:
        if told.per_minute <= 0:
            return told.until
        return min(self._due.get((unit, about), now) - self._burst, told.until)


class Gapped(Mapping[str, datetime]):
    """What gaps say of one call at one moment, asked of no unit that the decision does not come to."""

    def __init__(self, gaps: Gaps, call: Call, now: datetime) -> None:
        self._gaps, self._call, self._now = gaps, call, now

    def __getitem__(self, unit: str) -> datetime:
        until = self._gaps.until(unit, self._call.topic, self._now)
        if until is None:
            raise KeyError(unit)
        return until

    def __iter__(self) -> Iterator[str]:
        return (unit for unit in self._gaps.rates(self._now) if self._gaps.until(unit, self._call.topic, self._now))

    def __len__(self) -> int:
        return sum(1 for _ in self)
