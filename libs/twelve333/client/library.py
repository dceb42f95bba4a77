"""The resource library: search and read at any replica, publish at the hub.

async with Connection.open("127.0.0.1:7445", "350000", credentials) as node:
    found = await node.library.search("我在外地打工老板不发工资怎么办", region="350100")
    print(found.hits[0].title, found.hits[0].snippet)
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime
from itertools import count
from typing import Final

from ..api.library.v1 import demand_pb2, demand_pb2_grpc, history_pb2, library_pb2, service_pb2_grpc
from ..api.library.v1 import service_pb2 as pb
from ..core.decision import Refusal, Refused
from ..core.library.citing import Note, notes
from ..core.library.copying import Lane
from ..core.library.demand import Demand, TermDemand
from ..core.library.model import Entry, EntryKind, KnownLink, Release, Tombstone
from ..core.library.supplements import Supplement
from ..core.worktime.model import CHINA
from ..wire.library import KIND_OUT, LANE_OUT, content_of, entry_from_wire, release_from_wire, tombstone_to_wire
from ..wire.library_parts import day_out, known_from_wire
from ..wire.proposals import supplement_from_wire
from ..wire.times import from_timestamp
from .calls import Calls

PAGE: Final = 500


@dataclass(frozen=True, slots=True)
class Stored:
    """An entry as a replica holds it; listings leave the text out.

    Args:
        entry: the entry.
        version: number of its text, 1 for the first.
        release: that brought it in.
        recorded_at: when that release was made, None if not known.
        known: links from other entries, when one entry is asked for.
        supplements: the province's own words beside it, at a node when one entry is asked for.
        as_of: as in `Found`, when one entry is asked for.
    """

    entry: Entry
    version: int
    release: int
    recorded_at: datetime | None = None
    known: tuple[KnownLink, ...] = ()
    supplements: tuple[Supplement, ...] = ()
    as_of: datetime | None = None


@dataclass(frozen=True, slots=True)
class SupplementMatch:
    """Where in a province's own words beside an entry the words of a search stand."""

    supplement_id: str
    snippet: str
    matched: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Hit:
    """One hit.

    Args:
        entry: without its text.
        snippet: what to read out, at most 160 characters.
        article: where it stands, e.g. 第十七条; empty if the text has none.
        matched: words to highlight.
        literal: found as typed; otherwise by the words of the question.
        in_force: on the date asked for.
        sentence: the whole one that holds most of the words; empty if they stand in the title only.
        chapter: that it stands under; may be empty.
        citation: the line to copy.
        known: what other entries do to it.
        supplements: the province's own words beside it, at a node; snippet, article and sentence are never of them.
        supplement_matches: which of them hold words of the question, and where.
    """

    entry: Entry
    snippet: str
    article: str
    matched: tuple[str, ...]
    literal: bool
    score: float
    in_force: bool
    sentence: str = ""
    chapter: str = ""
    citation: str = ""
    known: tuple[KnownLink, ...] = ()
    supplements: tuple[Supplement, ...] = ()
    supplement_matches: tuple[SupplementMatch, ...] = ()

    def notes(self, day: date) -> tuple[Note, ...]:
        """What must be said with it on that day: not in force yet, no longer, repealed, replaced, amended."""
        return notes(self.entry, self.known, day)

    @property
    def title(self) -> str:
        """The entry's title."""
        return self.entry.title


@dataclass(frozen=True, slots=True)
class Found:
    """Hits, best first; how many entries hold the words in all; the release that was searched, and the day it was asked about.

    `as_of` is set if the replica cannot say any more that it is the present library: tell the asker "library as of" then.
    """

    hits: tuple[Hit, ...]
    total: int
    release: int
    as_at: date
    as_of: datetime | None = None


@dataclass(frozen=True, slots=True)
class Replica:
    """What a node told the hub last: the release it holds (0: none), and the code of the last offer that did not hold there."""

    member: str
    number: int
    last_refusal: str
    reported_at: datetime


@dataclass(frozen=True, slots=True)
class Held:
    """The release that a replica holds, since when, and the code of the last offer that did not hold (empty: all is well).

    At the hub `replicas` says what each node reported last.
    """

    release: Release
    applied_at: datetime
    last_refusal: str
    replicas: tuple[Replica, ...] = ()
    as_of: datetime | None = None


@dataclass(frozen=True, slots=True)
class Rejected:
    """An item that was left out: its place from 0, its id, the field at fault, the code and the sentence."""

    index: int
    entry_id: str
    field: str
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Published:
    """What became of a publication; `release` is None only if the library is still empty, `queued` waits for codes to be mapped."""

    release: Release | None
    added: int
    changed: int
    removed: int
    unchanged: int
    rejected: tuple[Rejected, ...]
    queued: tuple[Rejected, ...] = ()


class LibraryClient:
    """Typed calls of `LibraryService` (hub and node) and `LibraryPublishService` (hub). Each may raise `ServiceError`."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._read = service_pb2_grpc.LibraryServiceStub(calls.channel)
        self._publish = service_pb2_grpc.LibraryPublishServiceStub(calls.channel)
        self._demand = demand_pb2_grpc.LibraryDemandServiceStub(calls.channel)

    async def search(
        self,
        query: str,
        *,
        region: str = "",
        as_at: date | None = None,
        include_not_in_force: bool = False,
        kind: EntryKind | None = None,
        topic: str = "",
        limit: int = 10,
    ) -> Found:
        """Find entries by words or a spoken question.

        Args:
            query: 1 to 200 characters.
            region: the caller's unit code, whose rules come first; that of the node asked if empty.
            as_at: in force on this day; today in Beijing if None.
            include_not_in_force: also what is not.
            kind, topic: only these.
            limit: hits wanted, 1 to 50.
        """
        request = pb.SearchRequest(
            query=query,
            region=region,
            as_at=day_out(as_at),
            include_not_in_force=include_not_in_force,
            kind=_kind(kind),
            topic=topic,
            limit=limit,
        )
        answer = await self._calls.unary(self._read.Search, request)
        return Found(tuple(_hit(hit) for hit in answer.hits), answer.total, answer.release, _day(answer.as_at, as_at), as_of_in(answer))

    async def get(self, entry_id: str) -> Stored:
        """One entry with its text."""
        answer = await self._calls.unary(self._read.GetEntry, pb.GetEntryRequest(id=entry_id))
        beside = tuple(supplement_from_wire(one) for one in answer.supplements)
        return replace(stored_of(answer.entry), supplements=beside, as_of=as_of_in(answer))

    async def list(
        self,
        *,
        kind: EntryKind | None = None,
        topic: str = "",
        region: str = "",
        owner_unit: str = "",
        document: str = "",
        as_at: date | None = None,
        applies_at: date | None = None,
        due_by: date | None = None,
    ) -> AsyncIterator[Stored]:
        """Entries by id, without their text; pages are fetched as needed.

        Args:
            kind, topic, region, owner_unit, document: only these.
            as_at: only what is in force on this day.
            applies_at: only what applies to a matter of this day.
            due_by: only what its owner has to look at again by this day.
        """
        request = pb.ListEntriesRequest(
            page_size=PAGE,
            kind=_kind(kind),
            topic=topic,
            region=region,
            owner_unit=owner_unit,
            document=document,
            as_at=day_out(as_at),
            applies_at=day_out(applies_at),
            due_by=day_out(due_by),
        )
        while True:
            answer = await self._calls.unary(self._read.ListEntries, request)
            for entry in answer.entries:
                yield stored_of(entry)
            request.page_token = answer.next_page_token
            if not request.page_token:
                return

    async def release(self) -> Held:
        """The release that the replica holds."""
        answer = await self._calls.unary(self._read.GetRelease, pb.GetReleaseRequest())
        replicas = tuple(Replica(r.member, r.number, r.last_refusal, from_timestamp(r.reported_at)) for r in answer.replicas)
        return Held(release_from_wire(answer.release), from_timestamp(answer.applied_at), answer.last_refusal, replicas, as_of_in(answer))

    async def demand(self, *, days: int = 7, without_hits: bool = False, limit: int = 20) -> Demand:
        """What was searched for most: single words that enough desks used; at the hub in the whole country.

        Args:
            days: how far back; a node keeps 7, the hub 90.
            without_hits: only words of searches that found nothing.
            limit: words wanted, 1 to 200.
        """
        request = demand_pb2.ListDemandRequest(days=days, without_hits=without_hits, limit=limit)
        answer = await self._calls.unary(self._demand.ListDemand, request)
        terms = tuple(TermDemand(one.term, one.searches, one.without_hits) for one in answer.terms)
        return Demand(terms, answer.searches, answer.without_hits)

    async def publish(
        self,
        entries: Iterable[Entry] = (),
        removals: Iterable[tuple[str, Tombstone]] = (),
        *,
        strict: bool = False,
        lane: Lane | None = None,
        sent: Callable[[int], None] = lambda count: None,
    ) -> Published:
        """Publish entries and removals as one release (hub, operators); the same again changes nothing.

        Args:
            entries: new or changed.
            removals: id and reason.
            strict: all or nothing.
            lane: how it is let through to nodes: urgent past every cap, bulk when nothing else waits; None: removals are urgent.
            sent: is told how many items have been sent.
        """
        header = pb.PublishHeader(strict=strict, lane=LANE_OUT[lane] if lane else library_pb2.RELEASE_LANE_UNSPECIFIED)
        answer = await self._calls.upload(self._publish.PublishEntries, _requests(entries, removals, header, sent))
        rejected, queued = (
            tuple(Rejected(one.index, one.entry_id, one.field, one.code, one.message) for one in listed)
            for listed in (answer.rejected, answer.queued)
        )
        release = release_from_wire(answer.release) if answer.HasField("release") else None
        return Published(release, answer.added, answer.changed, answer.removed, answer.unchanged, rejected, queued)


def _requests(
    entries: Iterable[Entry], removals: Iterable[tuple[str, Tombstone]], header: pb.PublishHeader, sent: Callable[[int], None]
) -> Iterator[pb.PublishEntriesRequest]:
    """The stream of a publication: header, entries, removals."""
    yield pb.PublishEntriesRequest(header=header)
    counter = count(1)
    for entry in entries:
        yield pb.PublishEntriesRequest(entry=content_of(entry))
        sent(next(counter))
    for entry_id, tombstone in removals:
        yield pb.PublishEntriesRequest(removal=pb.Removal(entry_id=entry_id, tombstone=tombstone_to_wire(tombstone)))
        sent(next(counter))


def _day(told: str, asked: date | None) -> date:
    """The day that was asked about, also by an older service, which does not tell it."""
    return date.fromisoformat(told) if told else asked or datetime.now(CHINA).date()


def _kind(kind: EntryKind | None) -> library_pb2.EntryKind.ValueType:
    return KIND_OUT[kind] if kind else library_pb2.ENTRY_KIND_UNSPECIFIED


def entry_of(message: library_pb2.Entry) -> Entry:
    """An entry as it came.

    Raises:
        Refused: it cannot be read.
    """
    entry = entry_from_wire(message)
    if isinstance(entry, Refusal):
        raise Refused(entry)
    return entry


def stored_of(message: library_pb2.StoredEntry) -> Stored:
    """A stored entry as it came; as `entry_of`."""
    recorded = from_timestamp(message.recorded_at) if message.HasField("recorded_at") else None
    return Stored(entry_of(message.entry), message.version, message.release, recorded, known_from_wire(message.known))


def _hit(hit: pb.SearchHit) -> Hit:
    literal = hit.lane == pb.SEARCH_LANE_LITERAL
    return Hit(
        entry_of(hit.entry.entry),
        hit.snippet,
        hit.article,
        tuple(hit.matched),
        literal,
        hit.score,
        hit.in_force,
        hit.sentence,
        hit.chapter,
        hit.citation,
        known_from_wire(hit.entry.known),
        tuple(supplement_from_wire(one) for one in hit.supplements),
        tuple(SupplementMatch(one.supplement_id, one.snippet, tuple(one.matched)) for one in hit.supplement_matches),
    )


def as_of_in(
    answer: pb.SearchResponse | pb.GetReleaseResponse | pb.GetEntryResponse | history_pb2.GetTextAtResponse,
) -> datetime | None:
    """Until when the hub vouched for what answered, if that is over."""
    return from_timestamp(answer.as_of) if answer.HasField("as_of") else None
