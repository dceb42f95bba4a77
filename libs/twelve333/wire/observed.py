"""What a node knew of others when it decided, between the core and protobuf."""

from __future__ import annotations

from datetime import datetime

from google.protobuf.timestamp_pb2 import Timestamp

from ..api.routing.v1 import routing_pb2 as pb
from ..core.coverage.seats import Part
from ..core.routing.model import Gap, PartSlots, Queue, Slots, State
from .times import from_timestamp, to_timestamp


def observed_to_wire(state: State) -> list[pb.Observed]:
    """Observations as they are kept, in the order of names."""
    return [
        pb.Observed(
            name=name,
            unreachable_until=_out(state.unreachable.get(name)),
            refused_until=_out(state.refused.get(name)),
            gapped_until=_out(state.gapped[name].until) if name in state.gapped else None,
            reserve_free=name in state.gapped and state.gapped[name].reserve,
            queue=queue_to_wire(state.queues[name]) if name in state.queues else None,
            slots=_slots_out(state.slots[name]) if name in state.slots else None,
        )
        for name in sorted({*state.unreachable, *state.refused, *state.gapped, *state.queues, *state.slots})
    ]


def observed_from_wire(messages: list[pb.Observed]) -> State:
    """Observations as they were kept."""
    return State(
        unreachable={it.name: from_timestamp(it.unreachable_until) for it in messages if it.HasField("unreachable_until")},
        refused={it.name: from_timestamp(it.refused_until) for it in messages if it.HasField("refused_until")},
        queues={it.name: queue_from_wire(it.queue) for it in messages if it.HasField("queue")},
        slots={it.name: _slots_in(it.slots) for it in messages if it.HasField("slots")},
        gapped={it.name: Gap(from_timestamp(it.gapped_until), it.reserve_free) for it in messages if it.HasField("gapped_until")},
    )


def queue_to_wire(queue: Queue) -> pb.QueueState:
    """A unit's queue as it travels."""
    return pb.QueueState(
        active=queue.active,
        free=queue.free,
        waiting=queue.waiting,
        wait_s=queue.wait_s,
        at=to_timestamp(queue.at),
        expires_at=to_timestamp(queue.expires_at),
    )


def queue_from_wire(queue: pb.QueueState) -> Queue:
    """A unit's queue as it was told."""
    at, expires_at = from_timestamp(queue.at), from_timestamp(queue.expires_at)
    return Queue(queue.active, queue.free, queue.waiting, queue.wait_s, at, expires_at)


def _slots_out(slots: Slots) -> pb.HeldSlots:
    return pb.HeldSlots(free=slots.free, until=to_timestamp(slots.until), parts=[_part_out(each.part, each.free) for each in slots.parts])


def _slots_in(slots: pb.HeldSlots) -> Slots:
    parts = (PartSlots(Part(it.name, it.seats, it.kept, it.source, tuple(it.topics), it.language), it.free) for it in slots.parts)
    return Slots(slots.free, from_timestamp(slots.until), tuple(parts))


def _part_out(part: Part, free: int) -> pb.HeldPart:
    return pb.HeldPart(
        name=part.name,
        seats=part.seats,
        kept=part.kept,
        source=part.source,
        topics=part.topics,
        language=part.language,
        free=free,
    )


def _out(moment: datetime | None) -> Timestamp | None:
    return to_timestamp(moment) if moment else None
