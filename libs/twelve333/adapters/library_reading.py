"""Reading the library, the same at the hub and at every node: from the service's own replica, with the hub up or down."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from datetime import date, datetime
from functools import partial
from typing import Final

from google.protobuf.timestamp_pb2 import Timestamp
from grpc.aio import ServicerContext
from opentelemetry import metrics
from sqlalchemy import Connection

from ..api.common.v1 import common_pb2
from ..api.library.v1 import library_pb2, service_pb2_grpc
from ..api.library.v1 import service_pb2 as pb
from ..core.decision import Refusal, Refused, refuse
from ..core.library import codes
from ..core.library.checkpoint import parse_release
from ..core.library.citing import citation
from ..core.library.copying import is_expired
from ..core.library.demand import countable
from ..core.library.model import KnownLink, Release
from ..core.library.search import Lexicon, Plan, by_pairs, fold, plan, query_grams
from ..core.worktime.model import CHINA
from ..data.resources import lexicon as national
from ..wire.codes import PAGE_TOO_LARGE
from ..wire.library import KIND_IN, release_to_wire
from ..wire.library_parts import day_in, known_to_wire
from ..wire.times import to_timestamp
from .clock import Clock
from .library_texts import missing
from .rpc.access import current_caller
from .runner import Background
from .segmenter import words
from .sql import library as replica
from .sql import library_links
from .sql.aside import aside
from .sql.database import Database
from .sql.library import Held
from .sql.library_narrowing import Narrow
from .sql.library_shelf import Shelf
from .sql.library_tables import LibraryTables
from .sql.search import Hit, Wanted, search

HITS_USUAL: Final = 10
HITS_MAX: Final = 50
PAGE_USUAL: Final = 100
PAGE_MAX: Final = 500
READY: Final = "工伤"  # any word
READY_SECONDS: Final = 60.0

Counted = Callable[[str, frozenset[str], bool], None]

_meter = metrics.get_meter("twelve333.library")
_searches = _meter.create_counter("twelve333.library.searches", description="Searches, by whether anything was found.")
_seconds = _meter.create_histogram("twelve333.library.search_seconds", unit="s", description="Time that a search took.")


def held_release(tx: Connection, tables: LibraryTables) -> tuple[Release, replica.HeldRelease] | None:
    """The release that a replica holds, and as it was signed; None for an empty replica."""
    held = replica.last_release(tx, tables)
    if held is None:
        return None
    release = parse_release(common_pb2.SignedDocument.FromString(held.document).payload)
    if isinstance(release, Refusal):
        raise Refused(release)
    return release, held


def as_of(release: Release, now: datetime) -> Timestamp | None:
    """Until when the hub vouched for it, if that is over: what is held stays readable, but may not pass for the present library."""
    return to_timestamp(release.expires_at) if release.expires_at and is_expired(release, now) else None


class LibraryReading(service_pb2_grpc.LibraryServiceServicer):
    """See `LibraryService`.

    Args:
        database, tables: the replica.
        clock: the present moment.
        shelf: what is kept of the replica in memory; its own if none is given.
        lexicon: synonyms and stop words; the national ones unless a province has added its own.
        counted: is told who searched with which words that may be counted, and whether anything was found.
        home: region of callers that name none; empty at the hub.
        refusal: reads the code of the last offer that did not hold, empty if all is well.
        replicas: reads what nodes reported last (hub).
    """

    def __init__(
        self,
        database: Database,
        tables: LibraryTables,
        clock: Clock,
        *,
        shelf: Shelf | None = None,
        lexicon: Lexicon | None = None,
        home: str = "",
        counted: Counted | None = None,
        refusal: Callable[[Connection], str] = lambda tx: "",
        replicas: Callable[[Connection], list[pb.ReplicaReport]] = lambda tx: [],
    ) -> None:
        self._database = database
        self._tables = tables
        self._shelf = shelf or Shelf(tables)
        self._lexicon = lexicon or national()
        phrases = (one for head, others in self._lexicon.synonyms.items() for one in (head, *others))
        self._shelf.expect(gram for phrase in phrases for gram in query_grams(phrase))
        self._home = home
        self._counted = counted
        self._clock = clock
        self._refusal = refusal
        self._replicas = replicas

    async def get_ready(self) -> None:
        """Learn what the first search would have to: how words are cut, what there is, and where the words stand that callers use."""
        await asyncio.to_thread(words, READY)
        while await self._database.read(self._shelf.catch_up):
            pass

    @property
    def background(self) -> Background:
        """Keeps that learnt, from the start of the service on."""
        return Background("library search", self.get_ready, READY_SECONDS)

    async def Search(self, request: pb.SearchRequest, context: ServicerContext[pb.SearchRequest, pb.SearchResponse]) -> pb.SearchResponse:
        """Search by both lanes."""
        started = time.perf_counter()
        planned = plan(request.query, words, self._lexicon)
        if isinstance(planned, Refusal):
            raise Refused(planned)
        answer, told, true = await self._database.read(partial(self._answered, planned=planned, wanted=self._wanted(request)))
        _searches.add(1, {"found": true})
        if self._counted is not None:
            self._counted(current_caller().name, told, true)
        _seconds.record(time.perf_counter() - started)
        return answer

    def _answered(self, tx: Connection, planned: Plan, wanted: Wanted) -> tuple[pb.SearchResponse, frozenset[str], bool]:
        """The answer, those of the words that may be counted, and whether any word was found; else the answer is by what is nearest."""
        release, found = self._present(tx)[0], search(tx, self._shelf, planned, wanted)
        if not (true := bool(found.hits)):
            found = search(tx, self._shelf, by_pairs(planned, self._lexicon), wanted)
        known = library_links.known_of(tx, self._tables, [hit.entry for hit in found.hits])
        day, old = wanted.day.isoformat(), self._as_of(release)

        def answer() -> tuple[pb.SearchResponse, frozenset[str], bool]:
            hits = [_hit(hit, known[hit.entry.id]) for hit in found.hits]
            texts = (fold(f"{hit.entry.title}\n{hit.entry.body}") for hit in found.hits if true)
            told = countable(planned, texts, self._lexicon) if self._counted else frozenset[str]()
            return pb.SearchResponse(hits=hits, total=found.total, release=release.number, as_at=day, as_of=old), told, true

        return aside(tx, answer)

    def words_of(self, query: str) -> tuple[str, ...]:
        """The words that a question comes to, to mark them in a text; none if it is no question."""
        planned = plan(query, words, self._lexicon)
        return () if isinstance(planned, Refusal) else (*planned.terms, *(word for group in planned.words for word in group))

    async def GetEntry(
        self, request: pb.GetEntryRequest, context: ServicerContext[pb.GetEntryRequest, pb.GetEntryResponse]
    ) -> pb.GetEntryResponse:
        """Give one entry."""

        def work(tx: Connection) -> pb.GetEntryResponse:
            release, held = self._present(tx)[0], shown(replica.get(tx, self._tables, request.id))
            if held is None:
                raise missing(tx, self._tables, request.id)
            return pb.GetEntryResponse(entry=with_known(tx, self._tables, held), as_of=self._as_of(release))

        return await self._database.read(work)

    async def ListEntries(
        self, request: pb.ListEntriesRequest, context: ServicerContext[pb.ListEntriesRequest, pb.ListEntriesResponse]
    ) -> pb.ListEntriesResponse:
        """List entries by id; the token is the last id of the page before."""
        size = _bounded(request.page_size, PAGE_USUAL, PAGE_MAX)
        asked = _narrow(request)

        def work(tx: Connection) -> pb.ListEntriesResponse:
            self._present(tx)
            found = replica.page(tx, self._tables, request.page_token, size + 1, asked)
            more = found[size - 1].entry_id if len(found) > size else ""
            entries = aside(tx, lambda: [stored_to_wire(held, with_body=False) for held in found[:size]])
            return pb.ListEntriesResponse(entries=entries, next_page_token=more)

        return await self._database.read(work)

    async def GetRelease(
        self, request: pb.GetReleaseRequest, context: ServicerContext[pb.GetReleaseRequest, pb.GetReleaseResponse]
    ) -> pb.GetReleaseResponse:
        """Say which release is held."""

        def work(tx: Connection) -> pb.GetReleaseResponse:
            release, held = self._present(tx)
            return pb.GetReleaseResponse(
                release=release_to_wire(release),
                signed=common_pb2.SignedDocument.FromString(held.document),
                applied_at=to_timestamp(held.applied_at),
                last_refusal=self._refusal(tx),
                replicas=self._replicas(tx),
                as_of=self._as_of(release),
            )

        return await self._database.read(work)

    def _as_of(self, release: Release) -> Timestamp | None:
        return as_of(release, self._clock())

    def _present(self, tx: Connection) -> tuple[Release, replica.HeldRelease]:
        present = held_release(tx, self._tables)
        if present is None:
            raise Refused(refuse(codes.NOTHING_APPLIED))
        return present

    def _wanted(self, request: pb.SearchRequest) -> Wanted:
        """What is searched for besides the words."""
        return Wanted(
            day=day_asked(request.as_at) or self._clock().astimezone(CHINA).date(),
            region=request.region or self._home,
            any_time=request.include_not_in_force,
            kind=KIND_IN.get(request.kind),
            topic=request.topic,
            limit=_bounded(request.limit, HITS_USUAL, HITS_MAX),
        )


def _narrow(request: pb.ListEntriesRequest) -> Narrow:
    """Which entries are listed."""
    return Narrow(
        kind=KIND_IN.get(request.kind),
        topic=request.topic,
        region=request.region,
        owner_unit=request.owner_unit,
        document=request.document,
        as_at=day_asked(request.as_at),
        applies_at=day_asked(request.applies_at),
        due_by=day_asked(request.due_by),
        shown=True,
    )


def shown(held: Held | None) -> Held | None:
    """An entry that may be shown.

    Raises:
        Refused: LIBRARY_ENTRY_WITHHELD.
    """
    if held and held.withheld:
        raise Refused(refuse(codes.ENTRY_WITHHELD, id=held.entry_id))
    return held


def day_asked(text: str) -> date | None:
    """A day as asked for; refuses what is no day."""
    day = day_in(text)
    if isinstance(day, Refusal):
        raise Refused(day)
    return day


def _bounded(size: int, usual: int, most: int) -> int:
    """A page size; refuses one beyond the limit."""
    if size > most:
        raise Refused(refuse(PAGE_TOO_LARGE, size=size, max=most))
    return size or usual


def stored_to_wire(held: Held, *, with_body: bool) -> library_pb2.StoredEntry:
    """An entry as it travels; fields that this program does not know go along."""
    entry = library_pb2.Entry.FromString(held.content)
    if not with_body:
        entry.ClearField("body")
    recorded = to_timestamp(held.recorded_at) if held.recorded_at else None
    return library_pb2.StoredEntry(entry=entry, version=held.version, release=held.release, recorded_at=recorded)


def with_known(tx: Connection, tables: LibraryTables, held: Held) -> library_pb2.StoredEntry:
    """An entry with its text and what other entries say about it."""
    stored, entry = stored_to_wire(held, with_body=True), held.entry
    stored.known.extend(known_to_wire(one) for one in library_links.known_of(tx, tables, [entry])[entry.id])
    return stored


def _hit(hit: Hit, known: Iterable[KnownLink]) -> pb.SearchHit:
    """A hit as it travels."""
    stored = stored_to_wire(hit.held, with_body=False)
    stored.known.extend(map(known_to_wire, known))
    return pb.SearchHit(
        entry=stored,
        snippet=hit.quote.snippet,
        article=hit.quote.article,
        matched=hit.quote.matched,
        lane=pb.SEARCH_LANE_LITERAL if hit.literal else pb.SEARCH_LANE_SPOKEN,
        score=hit.score,
        in_force=hit.in_force,
        sentence=hit.quote.sentence,
        chapter=hit.quote.chapter,
        citation=citation(hit.entry, hit.quote.article),
        supplement_matches=[
            pb.SupplementMatch(supplement_id=one.supplement_id, snippet=one.quote.snippet, matched=one.quote.matched) for one in hit.local
        ],
    )
