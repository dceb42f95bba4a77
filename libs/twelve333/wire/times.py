"""Times between the core (aware UTC datetimes) and protobuf timestamps."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from google.protobuf.timestamp_pb2 import Timestamp

_BEGINNING: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DAY_SECONDS: Final = 24 * 3600


def to_timestamp(moment: datetime) -> Timestamp:
    """An aware time as a timestamp."""
    seconds, nanos = seconds_and_nanos(moment)
    return Timestamp(seconds=seconds, nanos=nanos)


def seconds_and_nanos(moment: datetime) -> tuple[int, int]:
    """An aware time as the two fields of a timestamp."""
    since = moment - _BEGINNING
    return since.days * _DAY_SECONDS + since.seconds, since.microseconds * 1000


def from_timestamp(stamp: Timestamp) -> datetime:
    """A timestamp as an aware UTC time; raises `OverflowError` for one that no calendar has and `ValueError` for one out of form."""
    if not 0 <= stamp.nanos < 1_000_000_000:
        raise ValueError("nanoseconds beyond a second")
    return _BEGINNING + timedelta(seconds=stamp.seconds, microseconds=stamp.nanos // 1000)
