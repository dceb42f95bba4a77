"""Names on the broker: who may say what to whom is read off a subject, so its parts are checked here."""

from __future__ import annotations

from typing import Final

from ..core.ids import is_member

STREAM: Final = "EVENTS"
STREAM_SUBJECTS: Final = "t333.ev.>"
_BATCH: Final = "batch"  # in the place of a capability; none has this name


def event_subject(origin: str, destination: str, capability: str) -> str:
    """Where `origin` tells `destination` an event of `capability`."""
    return f"t333.ev.{origin}.{destination}.{capability}"


def batch_subject(origin: str, destination: str) -> str:
    """Where `origin` tells `destination` several events in one message."""
    return event_subject(origin, destination, _BATCH)


def is_batch(subject: str) -> bool:
    """Whether what comes on `subject` is a batch, and not a single envelope."""
    return subject.endswith(f".{_BATCH}")


def receipt_subject(sender: str, origin: str) -> str:
    """Where `sender` confirms events to their `origin`."""
    return f"t333.rc.{sender}.{origin}"


def queues_subject(member: str) -> str:
    """Where `member` tells everybody how its units' queues stand."""
    return f"t333.qs.{member}"


def queues_of_all() -> str:
    """What everybody tells of queues."""
    return "t333.qs.*"


def events_for(destination: str) -> str:
    """All events for `destination`, from everybody."""
    return f"t333.ev.*.{destination}.>"


def receipts_for(origin: str) -> str:
    """All receipts for `origin`, from everybody."""
    return f"t333.rc.*.{origin}"


def consumer_of(destination: str) -> str:
    """The durable pull consumer that holds what waits for `destination`."""
    return f"to-{destination}"


def inbox_prefix(member: str) -> str:
    """Where the broker's answers to `member` go, so that nobody can read another's."""
    return f"_INBOX_{member}"


def sender_of(subject: str) -> str | None:
    """The member that the broker allowed to send on `subject`, or None when it is none of our subjects."""
    parts = subject.split(".")
    if len(parts) < 3 or parts[0] != "t333" or not is_member(parts[2]):
        return None
    to_one = len(parts) >= 4 and parts[1] in ("ev", "rc")
    return parts[2] if to_one or (len(parts) == 3 and parts[1] == "qs") else None


def destination_of(subject: str) -> str | None:
    """The member that a subject of ours is meant for, or None."""
    parts = subject.split(".")
    return parts[3] if len(parts) >= 4 and sender_of(subject) else None
