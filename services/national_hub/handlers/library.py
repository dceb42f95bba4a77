"""The library of record: takes publications, signs releases, tells every node, and lets nodes copy."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Final

from grpc.aio import ServicerContext
from opentelemetry import metrics
from sqlalchemy import Connection

from twelve333.adapters.library_reading import LibraryReading, held_release
from twelve333.adapters.rpc.errors import wished_locale
from twelve333.adapters.signing.documents import sign
from twelve333.adapters.sql import library as replica
from twelve333.adapters.sql.delivery import Inbound
from twelve333.adapters.telemetry.logs import logger
from twelve333.api.common.v1 import common_pb2
from twelve333.api.library.v1 import events_pb2, service_pb2_grpc
from twelve333.api.library.v1 import service_pb2 as pb
from twelve333.catalogue.catalogue import choose_locale, sentence
from twelve333.core.decision import Refused, accepted, refuse
from twelve333.core.library import codes
from twelve333.core.library.checkpoint import canonical_bytes
from twelve333.core.library.messages import Publication, Publish, Rejected, ReleaseAnnounced
from twelve333.core.library.model import Item, Release
from twelve333.core.library.rules import PUBLICATION_ITEMS_MAX, publish
from twelve333.wire import library as wire
from twelve333.wire.documents import document_to_wire
from twelve333.wire.library_frames import frames, zlib_frame
from twelve333.wire.times import to_timestamp

from ..context import HubContext
from ..library_gate import looked_at
from ..store import library as store
from ..store import registration
from .library_recovery import compared, refuse_unsettled

PURPOSE: Final = "library"
PUBLICATION_BYTES_MAX: Final = 256 << 20

log = logger("library")
_meter = metrics.get_meter("twelve333.library")
_published = _meter.create_counter("twelve333.library.published", description="Entries added, changed or removed by publications.")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a publication came to, and the release in force afterwards."""

    publication: Publication
    release: Release | None


class LibraryPublishHandlers(service_pb2_grpc.LibraryPublishServiceServicer):
    """See `LibraryPublishService`."""

    def __init__(self, hub: HubContext) -> None:
        self._hub = hub

    async def PublishEntries(
        self,
        request_iterator: AsyncIterator[pb.PublishEntriesRequest],
        context: ServicerContext[pb.PublishEntriesRequest, pb.PublishEntriesResponse],
    ) -> pb.PublishEntriesResponse:
        """Take a publication whole, then make one release of it."""
        hub, now = self._hub, self._hub.clock()
        command = await _read(request_iterator)
        outcome = await hub.audit.write("library.publish", "", lambda tx: publish_items(hub, tx, command, now))
        done, release = outcome.publication, outcome.release
        _published.add(len(done.changes))
        log.info("published", release=release.number if release else 0, entries=len(done.changes), count=len(done.rejected))
        locale = choose_locale(wished_locale(context) or hub.settings.locale)
        return pb.PublishEntriesResponse(
            release=wire.release_to_wire(release) if release else None,
            added=done.added,
            changed=done.changed,
            removed=done.removed,
            unchanged=done.unchanged,
            rejected=[_rejected(one, locale) for one in done.rejected if one.violation.code is not codes.TOPIC_QUEUED],
            queued=[_rejected(one, locale) for one in done.rejected if one.violation.code is codes.TOPIC_QUEUED],
        )


class LibrarySyncHandlers(service_pb2_grpc.LibrarySyncServiceServicer):
    """See `LibrarySyncService`: for nodes of the release before this one."""

    def __init__(self, hub: HubContext) -> None:
        self._hub = hub

    async def PullChanges(
        self, request: pb.PullChangesRequest, context: ServicerContext[pb.PullChangesRequest, pb.PullChangesResponse]
    ) -> AsyncIterator[pb.PullChangesResponse]:
        """Stream a header, then what changed since the caller's release; all of one release, whatever is published meanwhile."""
        database, theirs = self._hub.database, (request.epoch, request.number)
        try:
            release, header = await database.read(lambda tx: _header(tx, request))
        except Refused:
            await compared(self._hub, (0, 0), theirs)
            raise
        await compared(self._hub, (release.epoch, release.number), theirs)
        yield pb.PullChangesResponse(header=header)
        base, after = header.base, ""
        while header.change_count:
            changes, after = await database.read(partial(store.changes_since, base=base, until=release.number, after=after))
            if not after:
                return
            for frame in frames(changes, zlib_frame):
                yield pb.PullChangesResponse(frame=frame)


def library_reading(hub: HubContext) -> LibraryReading:
    """What members are offered to read, with what nodes reported."""
    return LibraryReading(hub.database, store.tables, hub.clock, replicas=_replicas)


def keep_report(tx: Connection, inbound: Inbound, now: datetime) -> None:
    """Remember that a node holds a release (`ReleaseApplied`)."""
    told = wire.applied_from_wire(events_pb2.ReleaseApplied.FromString(inbound.message))
    store.report(tx, inbound.origin, epoch=told.epoch, number=told.number, refusal="", at=now)


def keep_refusal(tx: Connection, inbound: Inbound, now: datetime) -> None:
    """Remember that a release did not hold at a node (`ReleaseRefused`)."""
    told = wire.refused_from_wire(events_pb2.ReleaseRefused.FromString(inbound.message))
    log.warning("release refused by a node", origin=inbound.origin, release=told.number, code=told.reason[:64])
    store.report(tx, inbound.origin, epoch=told.epoch, number=told.last_good, refusal=told.reason[:64], at=now)


def _replicas(tx: Connection) -> list[pb.ReplicaReport]:
    return [
        pb.ReplicaReport(member=row.member, number=row.number, last_refusal=row.refusal, reported_at=to_timestamp(row.reported_at))
        for row in store.reports(tx)
    ]


async def _read(stream: AsyncIterator[pb.PublishEntriesRequest]) -> Publish:
    """The whole publication, within bounds."""
    strict, lane, items, size = None, None, list[Item](), 0
    async for message in stream:
        size += message.ByteSize()
        if size > PUBLICATION_BYTES_MAX or len(items) >= PUBLICATION_ITEMS_MAX:
            raise Refused(refuse(codes.PUBLICATION_TOO_LARGE, limit=PUBLICATION_ITEMS_MAX))
        what = message.WhichOneof("item")
        if (what == "header") != (strict is None):
            raise Refused(refuse(codes.PUBLICATION_WITHOUT_HEADER))
        if what == "header":
            strict, lane = message.header.strict, wire.lane_from_wire(message.header.lane)
        elif what == "entry":
            items.append(wire.item_from_content(message.entry))
        else:
            items.append(wire.item_from_removal(message.removal))
    if strict is None:
        raise Refused(refuse(codes.PUBLICATION_WITHOUT_HEADER))
    return Publish(tuple(items), strict, lane)


def publish_items(hub: HubContext, tx: Connection, command: Publish, now: datetime) -> Outcome:
    """Decide, keep, sign and tell, in one unit of work."""
    refuse_unsettled(hub, tx)
    present = held_release(tx, store.tables)
    last = present[0] if present else None
    epoch = max(1, hub.outbox.epoch(tx))
    held, removed = replica.leaves(tx, store.tables), store.removed_versions(tx)
    looked = looked_at(tx, command, now)
    wanted = replace(looked.command, valid=hub.settings.library.valid)
    decision = accepted(publish(held, removed, last, epoch, looked.topics, wanted, now))
    release = decision.state.release
    if release is None:
        return Outcome(decision.state, last)
    document = document_to_wire(sign(canonical_bytes(release), PURPOSE, release.number, hub.documents))
    store.keep(tx, decision.state.changes, release, document.SerializeToString(), hub.settings.library.removals_kept)
    for event in decision.events:
        if isinstance(event, ReleaseAnnounced):
            for member in registration.member_names(tx):
                hub.outbox.append(tx, destination=member, message=wire.announced_to_wire(event), now=now)
    return Outcome(decision.state, release)


def _header(tx: Connection, request: pb.PullChangesRequest) -> tuple[Release, pb.PullHeader]:
    """What is coming: from the caller's release if it is of this epoch, else a complete copy."""
    present = held_release(tx, store.tables)
    if present is None:
        raise Refused(refuse(codes.NOTHING_PUBLISHED))
    release, held = present
    known = request.epoch == release.epoch and 0 < request.number <= release.number
    base = request.number if known else 0
    count = store.count_since(tx, base, release.number)
    return release, pb.PullHeader(release=common_pb2.SignedDocument.FromString(held.document), base=base, change_count=count)


def _rejected(one: Rejected, locale: str) -> pb.RejectedItem:
    """A wrong item with its reason in words."""
    code = one.violation.code
    return pb.RejectedItem(
        index=one.index,
        entry_id=one.entry_id[:64],
        field=one.violation.path,
        code=code.name,
        message=sentence(code, one.violation.params, locale),
    )
