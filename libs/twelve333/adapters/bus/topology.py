"""The stream and one durable pull consumer per member: made by the hub at every connection, so a wiped broker is whole again at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, DiscardPolicy, RetentionPolicy, StorageType, StreamConfig
from nats.js.errors import NotFoundError

from ...wire.subjects import STREAM, STREAM_SUBJECTS, consumer_of, events_for

STREAM_BYTES_MAX: Final = 1024**3
EVENT_AGE_S_MAX: Final = 24 * 3600.0  # older ones are still in their origin's outbox and are sent again
ACK_WAIT_S: Final = 30.0


async def ensure_topology(js: JetStreamContext, members: Sequence[str]) -> None:
    """Create what is missing and bring the rest to these settings; safe to repeat."""
    wanted = StreamConfig(
        name=STREAM,
        subjects=[STREAM_SUBJECTS],
        retention=RetentionPolicy.WORK_QUEUE,
        discard=DiscardPolicy.NEW,
        storage=StorageType.FILE,
        max_bytes=STREAM_BYTES_MAX,
        max_age=EVENT_AGE_S_MAX,
    )
    try:
        await js.update_stream(wanted)
    except NotFoundError:
        await js.add_stream(wanted)
    for member in members:
        await js.add_consumer(STREAM, _consumer(member))


def _consumer(member: str) -> ConsumerConfig:
    return ConsumerConfig(
        durable_name=consumer_of(member),
        ack_policy=AckPolicy.EXPLICIT,
        ack_wait=ACK_WAIT_S,
        filter_subject=events_for(member),
        max_ack_pending=1024,
    )
