"""Lists of units visited between the core and protobuf."""

from __future__ import annotations

from google.protobuf.message import DecodeError

from ..api.routing.v1 import visits_pb2 as pb
from ..core.decision import Refused
from ..core.routing.visits import Visit, Visits
from .coverage import asked_time
from .times import to_timestamp


def visits_to_wire(visits: Visits) -> pb.Visits:
    """A list as it travels."""
    return pb.Visits(first_id=visits.first_id, hops=map(_visit_out, visits.hops))


def visits_from_wire(visits: pb.Visits) -> Visits:
    """A list as it came.

    Raises:
        Refused: COVERAGE_TIME_OUT_OF_RANGE.
    """
    hops = (Visit(it.unit, it.member, it.to, asked_time(it.at), it.signature, tuple(it.chain)) for it in visits.hops)
    return Visits(visits.first_id, tuple(hops))


def visits_kept(kept: bytes) -> Visits | None:
    """A list as a store kept it; None if there is none, or it cannot be read."""
    if not kept:
        return None
    try:
        return visits_from_wire(pb.Visits.FromString(kept))
    except (DecodeError, Refused):
        return None


def _visit_out(it: Visit) -> pb.Visit:
    return pb.Visit(unit=it.unit, member=it.member, to=it.to, at=to_timestamp(it.at), signature=it.signature, chain=it.chain)
