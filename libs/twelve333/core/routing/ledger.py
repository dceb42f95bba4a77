"""How the seats of a unit are taken at a moment: by calls, and by what was promised to others; never by a counter.

Rule served: what a member has at a unit is the greater of its calls there and of what was promised to it, and over all members that is
never more than a part's seats. Calls and promises end by themselves, so the sum heals by time alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from ..coverage.seats import Part


class Taken(NamedTuple):
    """A seat that a call holds, or the seats of several calls that differ in nothing but their end.

    Args:
        until: when it ends by itself; of several the first.
        member: whose call it is.
        source: the unit that handed it on, empty if the member does not serve it.
        topic, language: of the call.
        pool: name of the kept part in which it sits, empty if none was kept then.
        calls: how many.
    """

    until: datetime
    member: str
    source: str
    topic: str
    language: str
    pool: str = ""
    calls: int = 1


class Promise(NamedTuple):
    """Slots promised to a member: from when, until when, how many by part, its calls that run included."""

    at: datetime
    until: datetime
    slots: Mapping[str, int]


class Ledger:
    """The seats of one unit at one moment.

    Args:
        parts: limits of the unit.
        taken: seats that calls hold.
        promises: by member.
        now: aware; what has ended by then does not count.
    """

    def __init__(self, parts: Sequence[Part], taken: Iterable[Taken], promises: Mapping[str, Sequence[Promise]], now: datetime) -> None:
        self.parts = parts
        self._now = now
        self._taken = [seat for seat in taken if seat.until > now]
        self._promises = {member: [one for one in ones if one.until > now] for member, ones in promises.items()}
        self._names = {part.name for part in parts}
        self.used: dict[str, Counter[str]] = {}
        for seat in self._taken:
            used = self.used.setdefault(seat.member, Counter())
            for part in parts:
                used[part.name] += seat.calls if self._counts(part, seat) else 0

    def _counts(self, part: Part, seat: Taken) -> bool:
        """Whether a call counts against a part; who sits in a part that is no longer kept counts among everybody's."""
        if part.kept:
            return part.name == seat.pool or (seat.pool not in self._names and part is self.parts[-1])
        return part.takes(seat.source, seat.topic, seat.language)

    def promised(self, member: str, part: Part) -> int:
        """How many slots of a part a member may believe to have."""
        return max((one.slots.get(part.name, 0) for one in self._promises.get(member, ())), default=0)

    def uses(self, member: str, part: Part) -> int:
        """How many calls of a member count against a part."""
        return self.used[member][part.name] if member in self.used else 0

    def members(self) -> set[str]:
        """All who have something here."""
        return {*self.used, *self._promises}

    def committed(self, part: Part, but: str = "") -> int:
        """What of a part is taken or promised, whatever one member has left out."""
        return sum(max(self.promised(each, part), self.uses(each, part)) for each in self.members() if each != but)

    def left(self, part: Part) -> int:
        """Seats of a part that are neither taken nor promised."""
        return max(0, part.seats - self.committed(part))

    def has_slot(self, member: str, part: Part) -> bool:
        """Whether a further call of a member is covered by what was promised to it."""
        return self.uses(member, part) < self.promised(member, part)

    def is_free(self, member: str, part: Part) -> bool:
        """Whether a further call of a member has room in a part."""
        return self.has_slot(member, part) or self.left(part) > 0

    def free_at(self, parts: Iterable[Part], most: timedelta) -> timedelta:
        """How long until something in these parts ends, at most so long."""
        named = list(parts)
        ends = [seat.until for seat in self._taken if any(self._counts(part, seat) for part in named)]
        for ones in self._promises.values():
            ends += [one.until for one in ones if any(one.slots.get(part.name) for part in named)]
        return min(min(ends, default=self._now + most) - self._now, most)
