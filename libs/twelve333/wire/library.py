"""The library between the core and protobuf.

The content of an entry is its serialised bytes: encoded once by the publisher, then hashed, kept and forwarded as they are. Decoding
is for reading only, so a field that this program does not know is never lost.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Final

from google.protobuf.message import DecodeError

from ..api.library.v1 import events_pb2, service_pb2
from ..api.library.v1 import library_pb2 as pb
from ..core.decision import FieldViolation, Refusal, refuse
from ..core.library import codes
from ..core.library.copying import Lane
from ..core.library.messages import ReleaseAnnounced, ReleaseApplied, ReleaseRefused
from ..core.library.model import (
    Change,
    Entry,
    EntryKind,
    Item,
    Link,
    Provenance,
    Release,
    Scope,
    Tombstone,
    TombstoneReason,
)
from . import library_parts as parts
from .library_parts import day_in, day_out
from .times import from_timestamp, to_timestamp

KIND_OUT: Final = {
    EntryKind.POLICY: pb.ENTRY_KIND_POLICY,
    EntryKind.GUIDE: pb.ENTRY_KIND_GUIDE,
    EntryKind.QA: pb.ENTRY_KIND_QA,
    EntryKind.CASE: pb.ENTRY_KIND_CASE,
    EntryKind.PROMPT: pb.ENTRY_KIND_PROMPT,
    EntryKind.FILE: pb.ENTRY_KIND_FILE,
    EntryKind.TOPICS: pb.ENTRY_KIND_TOPICS,
}
KIND_IN: Final = {wire: kind for kind, wire in KIND_OUT.items()}
_DAYS: Final = ("valid_from", "valid_to", "review_due", "applies_from", "applies_to")
REASON_OUT: Final = {
    TombstoneReason.REPEALED: pb.TOMBSTONE_REASON_REPEALED,
    TombstoneReason.WITHDRAWN: pb.TOMBSTONE_REASON_WITHDRAWN,
    TombstoneReason.MERGED: pb.TOMBSTONE_REASON_MERGED,
    TombstoneReason.PUBLISHED_IN_ERROR: pb.TOMBSTONE_REASON_PUBLISHED_IN_ERROR,
    TombstoneReason.OUT_OF_SCOPE: pb.TOMBSTONE_REASON_OUT_OF_SCOPE,
}
LANE_OUT: Final = {
    Lane.URGENT: pb.RELEASE_LANE_URGENT,
    Lane.NORMAL: pb.RELEASE_LANE_NORMAL,
    Lane.BULK: pb.RELEASE_LANE_BULK,
}
LANE_IN: Final = {wire: lane for lane, wire in LANE_OUT.items()}
REASON_IN: Final = {wire: reason for reason, wire in REASON_OUT.items()}


def entry_to_wire(entry: Entry) -> pb.Entry:
    """An entry as a message."""
    return pb.Entry(
        id=entry.id,
        kind=KIND_OUT.get(entry.kind, pb.ENTRY_KIND_UNSPECIFIED),
        title=entry.title,
        body=entry.body,
        topics=entry.topics,
        region=entry.region,
        issuing_body=entry.issuing_body,
        document_number=entry.document_number,
        document=entry.document,
        valid_from=day_out(entry.valid_from),
        valid_to=day_out(entry.valid_to),
        owner_unit=entry.owner_unit,
        review_due=day_out(entry.review_due),
        sources=entry.sources,
        applies_from=day_out(entry.applies_from),
        applies_to=day_out(entry.applies_to),
        links=[parts.link_to_wire(link) for link in entry.links],
        provenance=[parts.provenance_to_wire(step) for step in entry.provenance],
        attachments=[parts.attachment_to_wire(file) for file in entry.attachments],
    )


def content_of(entry: Entry) -> bytes:
    """The bytes of an entry as its publisher sends them; the same entry gives the same bytes."""
    return entry_to_wire(entry).SerializeToString(deterministic=True)


def entry_from_wire(message: pb.Entry) -> Entry | Refusal:
    """An entry from a message; refuses one without a kind or with a malformed date, the rules do the rest.

    A kind of a newer publisher reads as `OTHER`, so that a replica can hold it.
    """
    if message.kind == pb.ENTRY_KIND_UNSPECIFIED:
        return refuse(codes.KIND_MISSING)
    dates: dict[str, date | None] = {}
    for name in _DAYS:
        day = day_in(getattr(message, name))
        if isinstance(day, Refusal):
            return day
        dates[name] = day
    links = parts.links_from_wire(message.links)
    steps = parts.provenance_from_wire(message.provenance)
    if isinstance(links, Refusal):
        return links
    if isinstance(steps, Refusal):
        return steps
    return _entry(message, dates, links, steps)


def _entry(message: pb.Entry, dates: Mapping[str, date | None], links: tuple[Link, ...], steps: tuple[Provenance, ...]) -> Entry:
    """The entry with its days and parts read."""
    return Entry(
        id=message.id,
        kind=KIND_IN.get(message.kind, EntryKind.OTHER),
        title=message.title,
        body=message.body,
        topics=tuple(message.topics),
        region=message.region,
        issuing_body=message.issuing_body,
        document_number=message.document_number,
        document=message.document,
        owner_unit=message.owner_unit,
        sources=tuple(message.sources),
        valid_from=dates["valid_from"],
        valid_to=dates["valid_to"],
        review_due=dates["review_due"],
        applies_from=dates["applies_from"],
        applies_to=dates["applies_to"],
        links=links,
        provenance=steps,
        attachments=tuple(parts.attachment_from_wire(file) for file in message.attachments),
    )


def entry_from_content(content: bytes) -> Entry | Refusal:
    """An entry from its bytes; refuses what is no entry."""
    try:
        return entry_from_wire(pb.Entry.FromString(content))
    except DecodeError:
        return refuse(codes.CONTENT_UNREADABLE)


def item_from_content(content: bytes) -> Item:
    """An item of a publication from the bytes of an entry; what cannot be read says so."""
    entry = entry_from_content(content)
    if isinstance(entry, Refusal):
        return Item("", fault=FieldViolation("entry", entry.code, entry.params))
    return Item(entry.id, entry, content)


def item_from_removal(message: service_pb2.Removal) -> Item:
    """An item of a publication that removes an entry; without a reason it says so."""
    tombstone = tombstone_from_wire(message.tombstone)
    if isinstance(tombstone, Refusal):
        return Item(message.entry_id, fault=FieldViolation("tombstone.reason", tombstone.code))
    return Item(message.entry_id, tombstone=tombstone)


def tombstone_to_wire(tombstone: Tombstone) -> pb.Tombstone:
    """A tombstone as a message."""
    return pb.Tombstone(reason=REASON_OUT[tombstone.reason], successor=tombstone.successor)


def tombstone_from_wire(message: pb.Tombstone) -> Tombstone | Refusal:
    """A tombstone from a message; refuses one without a reason."""
    reason = REASON_IN.get(message.reason)
    return Tombstone(reason, message.successor) if reason else refuse(codes.REASON_MISSING)


def change_to_wire(change: Change) -> pb.Change:
    """A change as a message."""
    message = pb.Change(entry_id=change.entry_id, version=change.version, release=change.release, sequence=change.sequence)
    if change.recorded_at is not None:
        message.recorded_at.CopyFrom(to_timestamp(change.recorded_at))
    if change.tombstone is not None:
        message.tombstone.CopyFrom(tombstone_to_wire(change.tombstone))
    else:
        message.content = change.content
    return message


def change_from_wire(message: pb.Change) -> Change | Refusal:
    """A change from a message."""
    try:
        recorded = from_timestamp(message.recorded_at) if message.HasField("recorded_at") else None
    except (OverflowError, ValueError):  # a time that no calendar has
        return refuse(codes.FRAME_UNREADABLE)
    if message.WhichOneof("what") != "tombstone":
        return Change(message.entry_id, message.version, message.release, message.content, None, recorded, message.sequence)
    tombstone = tombstone_from_wire(message.tombstone)
    if isinstance(tombstone, Refusal):
        return tombstone
    return Change(message.entry_id, message.version, message.release, b"", tombstone, recorded, message.sequence)


def release_to_wire(release: Release) -> pb.Release:
    """A release as a message."""
    return pb.Release(
        epoch=release.epoch,
        number=release.number,
        entry_count=release.entry_count,
        root=release.root,
        previous_root=release.previous_root,
        made_at=to_timestamp(release.made_at),
        sequence=release.sequence,
        expires_at=to_timestamp(release.expires_at) if release.expires_at else None,
        topics=release.scope.topics,
        regions=release.scope.regions,
    )


def release_from_wire(message: pb.Release) -> Release:
    """A release from a message."""
    return Release(
        message.epoch,
        message.number,
        message.entry_count,
        message.root,
        message.previous_root,
        from_timestamp(message.made_at),
        sequence=message.sequence,
        expires_at=from_timestamp(message.expires_at) if message.HasField("expires_at") else None,
        scope=Scope(tuple(message.topics), tuple(message.regions)),
    )


def lane_from_wire(lane: pb.ReleaseLane.ValueType) -> Lane | None:
    """A lane as asked for; None: as the content asks for."""
    return LANE_IN.get(lane)


def announced_to_wire(event: ReleaseAnnounced) -> events_pb2.ReleaseAnnounced:
    """The announcement as it travels."""
    lane, made_at = LANE_OUT[event.lane], to_timestamp(event.made_at)
    return events_pb2.ReleaseAnnounced(epoch=event.epoch, number=event.number, root=event.root, made_at=made_at, lane=lane)


def announced_from_wire(message: events_pb2.ReleaseAnnounced) -> ReleaseAnnounced:
    """The announcement as it arrived."""
    lane = LANE_IN.get(message.lane, Lane.NORMAL)
    return ReleaseAnnounced(message.epoch, message.number, message.root, from_timestamp(message.made_at), lane)


def applied_to_wire(event: ReleaseApplied) -> events_pb2.ReleaseApplied:
    """The report of an applied release as it travels."""
    return events_pb2.ReleaseApplied(
        epoch=event.epoch,
        number=event.number,
        entry_count=event.entry_count,
        root=event.root,
        applied_at=to_timestamp(event.applied_at),
    )


def applied_from_wire(message: events_pb2.ReleaseApplied) -> ReleaseApplied:
    """The report of an applied release as it arrived."""
    return ReleaseApplied(message.epoch, message.number, message.entry_count, message.root, from_timestamp(message.applied_at))


def refused_to_wire(event: ReleaseRefused) -> events_pb2.ReleaseRefused:
    """The report of a refused release as it travels."""
    return events_pb2.ReleaseRefused(
        epoch=event.epoch,
        number=event.number,
        reason=event.reason,
        last_good=event.last_good,
        refused_at=to_timestamp(event.refused_at),
    )


def refused_from_wire(message: events_pb2.ReleaseRefused) -> ReleaseRefused:
    """The report of a refused release as it arrived."""
    return ReleaseRefused(message.epoch, message.number, message.reason, message.last_good, from_timestamp(message.refused_at))
