"""Times between the core (aware UTC datetimes) and protobuf timestamps."""

from __future__ import annotations

from datetime import UTC, datetime

from google.protobuf.timestamp_pb2 import Timestamp


def to_timestamp(moment: datetime) -> Timestamp:
    """An aware time as a timestamp."""
    stamp = Timestamp()
    stamp.FromDatetime(moment)
    return stamp


def from_timestamp(stamp: Timestamp) -> datetime:
    """A timestamp as an aware UTC time."""
    return stamp.ToDatetime(tzinfo=UTC)
