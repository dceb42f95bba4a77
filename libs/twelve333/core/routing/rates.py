"""Overload said aloud: how many calls a minute a unit admits from others, divided among them by its node, and kept by each of them itself.

Rule served: what the sources may send is together never more than what the unit admits. A rate that is told is believed for a while, so
another source gets more only once the one that gets less can no longer believe the old figure. Part of the rate is for everybody alike,
so that who was quiet can begin at once; the rest goes as evenly as what each wants allows.

What the unit declares of each rate, usually a fifth, is reserved for *priority calls*, those with a priority above 0 (wage arrears that
move a crowd, a day on which benefits are paid): the unit's node divides that reserve among the sources by the priority calls that they
want to send, each source keeps its part of it before its own usual calls, and the unit's node keeps it before the usual calls of all.
Within the reserve a priority call passes whatever usual calls do; beyond it, it is one call among others, so that who calls everything
urgent gains no more than the reserve. What of it nobody wants is lent to usual calls, and every call counts against the whole rate: the
sum stays what the unit admits.
Source of the idea: RFC 7200 and RFC 7339 (load and overload control of SIP); of the measure: ITU-T I.371, the leaky bucket (GCRA).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from math import isfinite
from typing import Final, NamedTuple

from ..coverage.declaring import is_topic
from ..coverage.model import RESERVED_PCT
from .model import Call, Gap
from .shares import even_rates, level_rates

FOR_ALL: Final = 0.2  # of the rate is divided alike, whoever calls
BURST: Final = timedelta(seconds=5)  # a source may be ahead of its rate by so much
BURST_AT_UNIT: Final = timedelta(seconds=15)  # and all of them together
DELAY_MAX: Final = timedelta(seconds=5)  # what is told arrives sooner, or not at all
PER_MINUTE_MAX: Final = 1_000_000.0
TOPICS_MAX: Final = 20
_MINUTE_S: Final = 60.0
_LONGEST_S: Final = 86_400.0


class Ceiling(NamedTuple):
    """So many calls a minute are admitted, or wanted, about a topic (a prefix; empty: about anything); `priority` of them for priority
    calls."""

    topic: str
    per_minute: float
    priority: float = 0.0

    @property
    def is_sound(self) -> bool:
        """Whether it can be."""
        rates = isfinite(self.per_minute) and 0 <= self.priority <= self.per_minute <= PER_MINUTE_MAX
        return rates and (not self.topic or is_topic(self.topic))


class Share(NamedTuple):
    """So many calls a minute a unit admits of each of these sources about a topic, `priority` of them reserved for priority calls."""

    unit: str
    topic: str
    per_minute: float
    sources: tuple[str, ...]
    priority: float = 0.0


class Told(NamedTuple):
    """A rate told to a source, until when it may be believed, and how much of it is reserved for priority calls."""

    per_minute: float
    until: datetime
    priority: float = 0.0


class Part(NamedTuple):
    """A source's part of a rate, in calls a minute, and how much of it is reserved for priority calls."""

    per_minute: float
    priority: float


class Wish(NamedTuple):
    """The calls a minute that a source would send, and how many of them are priority calls."""

    per_minute: float
    priority: float = 0.0


def divide(admitted: Ceiling, wanted: Mapping[str, Wish], told: Mapping[str, Sequence[Told]], now: datetime) -> dict[str, Part]:
    """Divide a rate among sources.

    Args:
        admitted: what the unit admits, and what of it is kept for priority calls.
        wanted: by source, every one of them.
        told: what was told to sources before.
        now: aware.

    Returns:
        What to tell each source; with whatever may still be believed it is together at most that, unless it was lowered just now.
    """
    if not wanted:
        return {}
    per_minute = admitted.per_minute
    first = level_rates(admitted.priority, {name: wish.priority for name, wish in wanted.items()})
    lent = per_minute - sum(first.values())
    alike = lent * FOR_ALL / len(wanted)
    more = even_rates(lent * (1 - FOR_ALL), {name: max(0.0, wish.per_minute - first[name] - alike) for name, wish in wanted.items()})
    shares = {name: first[name] + alike + more[name] for name in wanted}
    believed = {name: max((one.per_minute for one in ones if one.until > now), default=0.0) for name, ones in told.items()}
    rises = {name: max(0.0, share - believed.get(name, 0.0)) for name, share in shares.items()}
    room, rising = per_minute - sum(believed.values()), sum(rises.values())
    part = min(1.0, max(0.0, room) / rising) if rising else 0.0
    rates = {name: min(share, believed.get(name, 0.0) + rises[name] * part) for name, share in shares.items()}
    kept = admitted.priority / per_minute if per_minute else 0.0
    return {name: Part(rate, min(rate, max(first[name], rate * kept))) for name, rate in rates.items()}


def with_reserve(ceilings: Iterable[Ceiling], reserved_pct: int = RESERVED_PCT) -> list[Ceiling]:
    """Rates as a telephone system says them, with what of each is kept for priority calls.

    Args:
        ceilings: calls a minute by topic.
        reserved_pct: percent, as the unit declares it.
    """
    return [it._replace(priority=it.per_minute * (reserved_pct / 100)) for it in ceilings]


class Gaps:
    """Buckets that leak at the rates told: for each unit and topic one of all calls and one of the reserve. Time is given in; what has
    expired gaps nobody.

    Usual calls may be ahead of the rate by less than `burst`, so that those and the reserve together are ahead by no more (and one call).

    Args:
        burst: by how much calls may be ahead of their rate.
    """

    def __init__(self, burst: timedelta = BURST) -> None:
        self._burst = burst
        self._rates: dict[str, dict[str, Told]] = {}
        self._due: dict[tuple[str, str], datetime] = {}
        self._due_first: dict[tuple[str, str], datetime] = {}  # of the reserve

    def tell(self, unit: str, ceilings: Collection[Ceiling], until: datetime, now: datetime) -> None:
        """What a unit admits of us, in place of what it said before; what we are ahead of the old rate counts at the new one."""
        before = self._rates.pop(unit, {})
        for each in ceilings:
            if old := before.get(each.topic):
                _rescale(self._due, (unit, each.topic), old.per_minute, each.per_minute, now)
                _rescale(self._due_first, (unit, each.topic), old.priority, each.priority, now)
        if ceilings:
            self._rates[unit] = {each.topic: Told(each.per_minute, until, each.priority) for each in ceilings}

    def rates(self, now: datetime) -> dict[str, list[Ceiling]]:
        """By unit, what counts now."""
        found = dict[str, list[Ceiling]]()
        for unit, rates in self._rates.items():
            for topic, told in rates.items():
                if told.until > now:
                    found.setdefault(unit, []).append(Ceiling(topic, told.per_minute, told.priority))
        return found

    def topics(self, unit: str) -> Collection[str]:
        """Topics about which a unit said something."""
        return self._rates.get(unit, {}).keys()

    def until(self, unit: str, topic: str, now: datetime, *, priority: bool = False) -> datetime | None:
        """Until when a call about a topic has to wait; None if it may go now.

        Args:
            unit, topic: where it goes.
            now: aware.
            priority: whether it is a priority call, which may take the reserve.
        """
        waits = [self._waits(unit, about, told, now, priority) for about, told in self._of(unit, topic, now)]
        return max((wait for wait in waits if wait > now), default=None)

    def spend(self, unit: str, topic: str, now: datetime, *, priority: bool = False) -> None:
        """A call goes to a unit; a priority call takes the reserve first."""
        for about, told in self._of(unit, topic, now):
            key = unit, about
            if priority and told.priority > 0 and self._due_first.get(key, now) - self._burst <= now:
                self._due_first[key] = max(self._due_first.get(key, now), now) + _interval(told.priority)
            if told.per_minute > 0:
                self._due[key] = max(self._due.get(key, now), now) + _interval(told.per_minute)

    def forget(self, now: datetime) -> None:
        """Forget what has ended, so that nothing grows."""
        self._rates = {unit: rates for unit, rates in self._rates.items() if any(it.until > now for it in rates.values())}
        for dues in (self._due, self._due_first):
            for key in [key for key, due in dues.items() if key[0] not in self._rates and due <= now]:
                del dues[key]

    def _of(self, unit: str, topic: str, now: datetime) -> Iterator[tuple[str, Told]]:
        for about, told in self._rates.get(unit, {}).items():
            if topic.startswith(about) and told.until > now:
                yield about, told

    def _waits(self, unit: str, about: str, told: Told, now: datetime, priority: bool) -> datetime:
        if told.per_minute <= 0:
            return told.until
        usual = self._due.get((unit, about), now) - self._burst * (1 - told.priority / told.per_minute)
        if priority and told.priority > 0:
            usual = min(usual, self._due_first.get((unit, about), now) - self._burst)
        return min(usual, told.until)


def _interval(per_minute: float) -> timedelta:
    """Between two calls at a rate; as no rate is believed for long, so long at most."""
    return timedelta(seconds=min(_MINUTE_S / per_minute, _LONGEST_S))


def _rescale(dues: dict[tuple[str, str], datetime], key: tuple[str, str], old: float, new: float, now: datetime) -> None:
    due = dues.get(key)
    if due and due > now and old > 0 and new > 0:
        dues[key] = now + timedelta(seconds=min((due - now).total_seconds() * (old / new), _LONGEST_S))


class Gapped(Mapping[str, Gap]):
    """What gaps say of one call at one moment, asked of no unit that the decision does not come to."""

    def __init__(self, gaps: Gaps, call: Call, now: datetime) -> None:
        self._gaps, self._call, self._now = gaps, call, now

    def __getitem__(self, unit: str) -> Gap:
        until = self._gaps.until(unit, self._call.topic, self._now)
        if until is None:
            raise KeyError(unit)
        return Gap(until, reserve=self._gaps.until(unit, self._call.topic, self._now, priority=True) is None)

    def __iter__(self) -> Iterator[str]:
        return (unit for unit in self._gaps.rates(self._now) if self._gaps.until(unit, self._call.topic, self._now))

    def __len__(self) -> int:
        return sum(1 for _ in self)
