"""Slots as nodes ask each other for them, between the core and protobuf."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from ..api.routing.v1 import slots_pb2 as pb
from ..core.routing.rates import Ceiling
from ..core.routing.slots import Answer, Line
from .times import from_timestamp, to_timestamp


class Wanted(NamedTuple):
    """What a member would have of a unit: free slots by part, the newest promise by which it goes, calls a minute by topic."""

    unit: str
    parts: Mapping[str, int]
    seen: datetime | None
    rates: tuple[Ceiling, ...] = ()


class Shown(NamedTuple):
    """Slots of a unit as a node shows them: the other member, until when, and what."""

    unit: str
    member: str
    until: datetime | None
    lines: tuple[Line, ...]


def wanted_to_wire(wanted: Iterable[Wanted]) -> pb.RenewSlotsRequest:
    """What is wanted, as the request."""
    return pb.RenewSlotsRequest(
        units=[
            pb.WantedSlots(
                unit=each.unit,
                parts=[pb.WantedPart(name=name, free=free) for name, free in each.parts.items()],
                rates=ceilings_to_wire(each.rates),
                seen=_stamp(each.seen),
            )
            for each in wanted
        ]
    )


def wanted_from_wire(request: pb.RenewSlotsRequest) -> list[Wanted]:
    """What is wanted, as it was asked."""
    return [
        Wanted(
            each.unit,
            {part.name: part.free for part in each.parts},
            from_timestamp(each.seen) if each.HasField("seen") else None,
            ceilings_from_wire(each.rates),
        )
        for each in request.units
    ]


def ceilings_to_wire(ceilings: Iterable[Ceiling]) -> list[pb.TopicRate]:
    """Calls a minute by topic, as they travel."""
    return [pb.TopicRate(topic=it.topic, per_minute=it.per_minute, priority_per_minute=it.priority) for it in ceilings]


def ceilings_from_wire(rates: Iterable[pb.TopicRate]) -> tuple[Ceiling, ...]:
    """Calls a minute by topic, as somebody said them."""
    return tuple(Ceiling(it.topic, it.per_minute, it.priority_per_minute) for it in rates)


def granted_to_wire(epoch: int, term: timedelta, granted: Mapping[str, tuple[datetime, tuple[Line, ...]]]) -> pb.RenewSlotsResponse:
    """What is promised by unit: when, and what."""
    duration = Duration()
    duration.FromTimedelta(term)
    units = [pb.GrantedSlots(unit=unit, granted_at=to_timestamp(at), lines=_lines_out(lines)) for unit, (at, lines) in granted.items()]
    return pb.RenewSlotsResponse(epoch=epoch, term=duration, units=units)


def granted_from_wire(answer: pb.RenewSlotsResponse) -> dict[str, Answer]:
    """What was promised, by unit."""
    term = answer.term.ToTimedelta()
    return {each.unit: Answer(answer.epoch, from_timestamp(each.granted_at), term, _lines_in(each.lines)) for each in answer.units}


def held_to_wire(held: Iterable[Shown]) -> list[pb.UnitSlots]:
    """What was promised to a node, as it is shown."""
    return [pb.UnitSlots(unit=it.unit, member=it.member, until=_stamp(it.until), lines=_lines_out(it.lines)) for it in held]


def promised_to_wire(promised: Iterable[Shown]) -> list[pb.PromisedSlots]:
    """What a node promised, as it is shown."""
    return [pb.PromisedSlots(unit=it.unit, member=it.member, until=_stamp(it.until), lines=_lines_out(it.lines)) for it in promised]


def shown_from_wire(shown: Iterable[pb.UnitSlots | pb.PromisedSlots]) -> list[Shown]:
    """What a node shows, of either kind."""
    return [Shown(it.unit, it.member, from_timestamp(it.until) if it.HasField("until") else None, _lines_in(it.lines)) for it in shown]


def _lines_out(lines: Iterable[Line]) -> list[pb.SlotLine]:
    return [pb.SlotLine(part=line.part, slots=line.slots, used=line.used, open=line.open) for line in lines]


def _lines_in(lines: Iterable[pb.SlotLine]) -> tuple[Line, ...]:
    return tuple(Line(line.part, line.slots, line.used, line.open) for line in lines)


def _stamp(moment: datetime | None) -> Timestamp | None:
    return to_timestamp(moment) if moment else None
