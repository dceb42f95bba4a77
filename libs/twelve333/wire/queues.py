"""What nodes tell each other of queues, between the core and its bytes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Final

from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import DecodeError

from ..api.routing.v1 import queue_pb2 as pb
from ..api.routing.v1 import routing_pb2
from ..core.coverage.model import RESERVED_PCT
from ..core.ids import is_member
from ..core.routing.model import Queue
from ..core.routing.queues import Report, Told
from ..core.routing.rates import Share
from .observed import queue_from_wire, queue_to_wire
from .times import from_timestamp, to_timestamp

TOLD_BYTES_MAX: Final = 64 * 1024
SAID: Final = b"twelve333 routing v1 queues\x00"


def encode_told(told: Told) -> bytes:
    """What is told, as the bytes that are signed."""
    lifetime = Duration()
    lifetime.FromTimedelta(told.lifetime)
    queues = [pb.UnitQueue(unit=unit, state=_state(report)) for unit, report in sorted(told.reports.items())]
    message = pb.QueuesTold(member=told.member, at=to_timestamp(told.at), lifetime=lifetime, queues=queues)
    message.admitted.extend(shares_to_wire(told.shares))
    return message.SerializeToString()


def decode_told(data: bytes) -> Told | None:
    """What was told; None if it cannot be read."""
    if len(data) > TOLD_BYTES_MAX:
        return None
    try:
        message = pb.QueuesTold.FromString(data)
        at, lifetime = from_timestamp(message.at), message.lifetime.ToTimedelta()
    except (DecodeError, ValueError, OverflowError):
        return None
    if not is_member(message.member) or lifetime < timedelta():
        return None
    reports = {each.unit: report_from_wire(each.state) for each in message.queues}
    return Told(message.member, at, lifetime, reports, shares_from_wire(message.admitted))


def shares_to_wire(shares: Iterable[Share]) -> list[pb.AdmittedRate]:
    """What units admit, as it travels."""
    return [
        pb.AdmittedRate(
            unit=it.unit,
            topic=it.topic,
            per_minute=it.per_minute,
            sources=it.sources,
            priority_per_minute=it.priority,
            as_declared=True,
        )
        for it in shares
    ]


def shares_from_wire(rates: Iterable[pb.AdmittedRate]) -> tuple[Share, ...]:
    """What units admit, as it was told."""
    return tuple(Share(it.unit, it.topic, it.per_minute, tuple(it.sources), _kept(it)) for it in rates)


def _kept(rate: pb.AdmittedRate) -> float:
    """What is kept for priority calls; nodes that knew of no declared part meant the usual one at least."""
    said = rate.priority_per_minute
    return said if rate.as_declared else max(said, rate.per_minute * (RESERVED_PCT / 100))


def report_from_wire(state: routing_pb2.QueueState) -> Report:
    """A queue without its times."""
    return Report(state.active, state.free, state.waiting, state.wait_s)


def queues_to_wire(queues: Mapping[str, Queue]) -> pb.ListQueuesResponse:
    """What is known of queues, as the answer."""
    return pb.ListQueuesResponse(queues=[pb.UnitQueue(unit=unit, state=queue_to_wire(queue)) for unit, queue in sorted(queues.items())])


def queues_from_wire(answer: pb.ListQueuesResponse) -> dict[str, Queue]:
    """The answer as what is known of queues."""
    return {each.unit: queue_from_wire(each.state) for each in answer.queues}


def _state(report: Report) -> routing_pb2.QueueState:
    return routing_pb2.QueueState(active=report.active, free=report.free, waiting=report.waiting, wait_s=report.wait_s)
