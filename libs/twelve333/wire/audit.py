"""Audit between the core and protobuf."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from google.protobuf.timestamp_pb2 import Timestamp

from ..api.audit.v1 import audit_pb2 as pb
from ..core.audit.model import Entry, Head, Record
from ..core.digests import SHA256_NAME
from ..core.registration.split import HELD_MAX, Held
from .times import from_timestamp, to_timestamp


def record_to_wire(record: Record) -> pb.AuditRecord:
    """A record as it travels."""
    entry = record.entry
    return pb.AuditRecord(
        sequence=record.sequence,
        at=to_timestamp(entry.at),
        role=entry.role,
        actor=entry.actor,
        action=entry.action,
        subject=entry.subject,
        outcome=entry.outcome,
        previous=record.previous,
        digest=record.digest,
        suite="" if record.suite == SHA256_NAME else record.suite,
    )


def record_from_wire(record: pb.AuditRecord) -> Record:
    """A record as another side showed it; whether it is true is for the verifier."""
    entry = Entry(from_timestamp(record.at), record.role, record.actor, record.action, record.subject, record.outcome)
    return Record(record.sequence, entry, record.previous, record.digest, record.suite or SHA256_NAME)


def head_to_wire(head: Head) -> pb.AuditHead:
    """A head as it travels."""
    return pb.AuditHead(sequence=head.sequence, digest=head.digest, told_at=to_timestamp(head.told_at) if head.told_at else None)


def held_to_wire(held: Iterable[Held]) -> list[pb.DirectoryHeld]:
    """The directories that a node works from, as they travel with its head."""
    return [
        pb.DirectoryHeld(
            version=it.version,
            sha256=it.digest,
            previous_version=it.previous,
            previous_sha256=it.previous_digest,
            made_at=to_timestamp(it.made_at) if it.made_at else None,
            confirmed_at=to_timestamp(it.confirmed_at) if it.confirmed_at else None,
        )
        for it in held
    ]


def held_from_wire(head: pb.AuditHead) -> list[Held]:
    """The directories that a node told with its head."""
    return [_held(it) for it in head.directories[-HELD_MAX:]]


def _held(it: pb.DirectoryHeld) -> Held:
    made_at = _moment(it.made_at) if it.HasField("made_at") else None
    confirmed_at = _moment(it.confirmed_at) if it.HasField("confirmed_at") else None
    return Held(it.version, it.sha256, it.previous_version, it.previous_sha256, made_at, confirmed_at)


def _moment(stamp: Timestamp) -> datetime | None:
    """A time, None for one that no calendar has: it says nothing."""
    try:
        return from_timestamp(stamp)
    except (ValueError, OverflowError):
        return None


def head_from_wire(head: pb.AuditHead) -> Head:
    """A head as it was told."""
    return Head(head.sequence, head.digest, head.witness, _moment(head.told_at) if head.HasField("told_at") else None)
