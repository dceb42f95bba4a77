"""Files of the library: kept once by hash at the hub, fetched piece by piece from whoever has them, and what is played is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import grpc
import pytest
from tests.integration.library.stage import CALL, Stage, open_stage

from national_hub.library_services import keep_told_playing
from national_hub.library_unused import unused_pieces
from national_hub.settings import Library as HubLibrary
from national_hub.store import library as hub_store
from province_node.library_files import LibraryFiles, is_wanted
from province_node.store import library as node_store
from twelve333.adapters.library_blobs import LibraryBlobs
from twelve333.adapters.library_playing import LibraryPlaying
from twelve333.adapters.library_traffic import Traffic
from twelve333.adapters.library_unused import UnusedPieces
from twelve333.adapters.sql import library_pieces
from twelve333.api.library.v1 import blobs_pb2 as pb
from twelve333.api.library.v1 import blobs_pb2_grpc
from twelve333.core.decision import Refused
from twelve333.core.library.copying import Lane
from twelve333.core.library.model import PIECE_BYTES, Attachment, Entry, EntryKind
from twelve333.core.library.pieces import NO_PROMPT, PIECE_MISSING, PIECE_TOO_LARGE, described

PIECES = [bytes([n]) * PIECE_BYTES for n in range(3)] + [b"the end"]
SOUND = described("hold.wav", "audio/x-wav", PIECES)


def _prompt(name: str = "hold-music", sound: Attachment = SOUND) -> Entry:
    return Entry(name, EntryKind.PROMPT, "等待音乐", "全国统一等待音乐", ("99",), attachments=(sound,))


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async for one in open_stage([f"sqlite:///{tmp_path / name}.db" for name in ("hub", "node")]):
        yield one


async def _put(stage: Stage, *pieces: bytes) -> pb.PutPiecesResponse:
    async def stream() -> AsyncIterator[pb.PutPiecesRequest]:
        for piece in pieces:
            yield pb.PutPiecesRequest(piece=pb.Piece(content=piece))

    return await LibraryBlobs(stage.hub.database, hub_store.tables, stage.clock).PutPieces(stream(), CALL)


@asynccontextmanager
async def _served(blobs: blobs_pb2_grpc.LibraryBlobServiceServicer) -> AsyncIterator[grpc.aio.Channel]:
    server = grpc.aio.server()
    blobs_pb2_grpc.add_LibraryBlobServiceServicer_to_server(blobs, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield channel
    finally:
        await server.stop(None)


def _node_files(stage: Stage, channel_of: Callable[[str], grpc.aio.Channel], *names: str, traffic: Traffic | None = None) -> LibraryFiles:
    """The node's fetching, with the hub and two other provinces in its directory."""
    members = [SimpleNamespace(name=name) for name in ("350000", "320000", "360000")]
    parts = {
        "database": stage.node.database,
        "clock": stage.clock,
        "province": "350000",
        "peers": SimpleNamespace(channel=channel_of),
        "settings": SimpleNamespace(library=SimpleNamespace(files=names)),
        "directory": SimpleNamespace(
            current=SimpleNamespace(members=members), revocations=SimpleNamespace(covers=lambda name: name == "320000")
        ),
    }
    return LibraryFiles(cast("Any", SimpleNamespace(**parts)), traffic or Traffic((), stage.clock))


async def _held(stage: Stage) -> int:
    lacks = await stage.node.database.read(lambda tx: library_pieces.missing(tx, node_store.tables, SOUND.pieces))
    return len(SOUND.pieces) - len(lacks)


async def test_the_same_bytes_are_kept_once_and_an_upload_goes_on_with_what_is_missing(stage: Stage) -> None:
    assert await _put(stage, *PIECES[:2]) == pb.PutPiecesResponse(kept=2)
    blobs = LibraryBlobs(stage.hub.database, hub_store.tables, stage.clock)
    lacks = await blobs.ListMissingPieces(pb.ListMissingPiecesRequest(digests=SOUND.pieces), CALL)
    assert list(lacks.missing) == list(SOUND.pieces[2:])
    assert await _put(stage, *PIECES) == pb.PutPiecesResponse(kept=2, known=2)
    with pytest.raises(Refused) as large:
        await _put(stage, bytes(PIECE_BYTES + 1))
    assert large.value.refusal.code is PIECE_TOO_LARGE


async def test_an_entry_is_published_only_with_all_its_files(stage: Stage) -> None:
    await _put(stage, *PIECES[:3])
    refused = await stage.publish(_prompt())
    assert [one.code for one in refused.rejected] == [PIECE_MISSING.name]
    await _put(stage, PIECES[3])
    assert (await stage.publish(_prompt())).added == 1


async def test_a_node_fetches_prompts_by_itself_from_the_hub(stage: Stage) -> None:
    await _put(stage, *PIECES)
    await stage.publish(_prompt())
    await stage.copy()
    async with _served(LibraryBlobs(stage.hub.database, hub_store.tables, stage.clock)) as hub:
        files = _node_files(stage, lambda name: hub, "prompt")
        assert await files.step()
        assert await _held(stage) == 4
        assert not await files.step()


async def test_with_the_hub_away_another_province_serves_and_what_it_falsifies_is_thrown_away(stage: Stage) -> None:
    await _put(stage, *PIECES)
    await stage.publish(_prompt())
    await stage.copy()

    class Liar(blobs_pb2_grpc.LibraryBlobServiceServicer):
        async def FetchPieces(self, request: pb.FetchPiecesRequest, context: Any) -> AsyncIterator[pb.FetchPiecesResponse]:
            yield pb.FetchPiecesResponse(piece=pb.Piece(content=b"forged"))
            yield pb.FetchPiecesResponse(piece=pb.Piece(content=PIECES[0]))

    asked: list[str] = []
    async with _served(Liar()) as liar, grpc.aio.insecure_channel("127.0.0.1:1") as nobody:

        def channel_of(name: str) -> grpc.aio.Channel:
            asked.append(name)
            return nobody if name == "hub" else liar

        files = _node_files(stage, channel_of)
        assert await files.fetch(SOUND.pieces, Lane.BULK) == set(SOUND.pieces[1:])
    assert set(asked) == {"hub", "360000"}  # nothing is asked of a member that is revoked
    assert await _held(stage) == 1


async def test_a_fetch_that_broke_off_asks_only_for_what_is_missing(stage: Stage) -> None:
    await _put(stage, *PIECES)
    await stage.publish(_prompt())
    await stage.copy()
    asked: list[int] = []

    class Counting(LibraryBlobs):
        async def FetchPieces(self, request: pb.FetchPiecesRequest, context: Any) -> AsyncIterator[pb.FetchPiecesResponse]:
            asked.append(len(request.digests))
            async for one in super().FetchPieces(request, context):
                yield one
                if len(asked) == 1:
                    await context.abort(grpc.StatusCode.UNAVAILABLE, "gone")

    async with _served(Counting(stage.hub.database, hub_store.tables, stage.clock)) as hub:
        files = _node_files(stage, lambda name: hub, "all")
        await files.step()
    assert asked[0] == 4
    assert sum(asked[1:]) == 3
    assert await _held(stage) == 4


class Waited(Traffic):
    """Lanes that tell when somebody waits."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        super().__init__((), clock)
        self.waits = asyncio.Event()

    async def _wait(self, seconds: float) -> None:
        self.waits.set()
        await super()._wait(seconds)


async def test_files_that_come_by_themselves_yield_to_entries_and_those_that_a_desk_waits_for_do_not(stage: Stage) -> None:
    await _put(stage, *PIECES)
    await stage.publish(_prompt())
    await stage.copy()
    traffic = Waited(stage.clock)
    async with _served(LibraryBlobs(stage.hub.database, hub_store.tables, stage.clock)) as hub, asyncio.timeout(20):
        files = _node_files(stage, lambda name: hub, "all", traffic=traffic)
        with traffic.using(Lane.NORMAL):
            step = asyncio.create_task(files.step())
            await traffic.waits.wait()
            assert await _held(stage) == 1
            await files.fetch_for("hold-music", SOUND.pieces[2:])
            assert await _held(stage) == 3
        assert await step
    assert await _held(stage) == 4


async def test_files_that_come_by_themselves_stop_for_what_is_urgent_and_go_on_afterwards(stage: Stage) -> None:
    await _put(stage, *PIECES)
    await stage.publish(_prompt())
    await stage.copy()
    traffic = Traffic((), stage.clock)
    async with _served(LibraryBlobs(stage.hub.database, hub_store.tables, stage.clock)) as hub:
        files = _node_files(stage, lambda name: hub, "all", traffic=traffic)
        traffic.hurry()
        assert await files.step()
        assert await _held(stage) == 1
        traffic.settled()
        assert await files.step()
    assert await _held(stage) == 4


async def test_files_are_handed_to_other_provinces_within_the_caps_of_the_line(stage: Stage) -> None:
    await _put(stage, *PIECES)
    paced: list[int] = []

    async def pace(size: int) -> None:
        paced.append(size)

    blobs = LibraryBlobs(stage.hub.database, hub_store.tables, stage.clock, pace=pace)
    got = [answer async for answer in blobs.FetchPieces(pb.FetchPiecesRequest(digests=SOUND.pieces), CALL)]
    assert (len(got), paced) == (4, [len(piece) for piece in PIECES])


async def test_a_desk_gets_only_files_of_the_entry_that_it_names(stage: Stage) -> None:
    await _put(stage, *PIECES)
    await stage.publish(_prompt())
    await stage.copy()
    async with _served(LibraryBlobs(stage.hub.database, hub_store.tables, stage.clock)) as hub:
        desk = LibraryBlobs(stage.node.database, node_store.tables, stage.clock, _node_files(stage, lambda name: hub).fetch_for)
        for entry, count in (("other", 0), ("hold-music", 4)):
            request = pb.FetchPiecesRequest(digests=SOUND.pieces, entry_id=entry)
            got = [answer.piece.content async for answer in desk.FetchPieces(request, CALL)]
            assert len(got) == count
    assert got == PIECES


def test_files_come_by_kind_by_topic_or_all() -> None:
    prompt = _prompt()
    assert is_wanted(prompt, ("prompt",)) and is_wanted(prompt, ("all",)) and is_wanted(prompt, ("99",))
    assert not is_wanted(prompt, ("guide", "04")) and not is_wanted(prompt, ())


async def test_the_hub_knows_which_sound_a_node_plays_and_whether_it_is_the_library_s(stage: Stage) -> None:
    await _put(stage, *PIECES)
    await stage.publish(_prompt())
    await stage.copy()
    told: list[pb.PromptPlaying] = []
    parts = (stage.node.database, node_store.tables, node_store.playing, stage.clock, lambda tx: {}, "350000")
    node = LibraryPlaying(*parts, lambda tx, event, now: told.append(cast("pb.PromptPlaying", event)))
    wrong, right = sha256(b"old").digest(), SOUND.digest
    for digest, as_published in ((wrong, False), (wrong, False), (right, True)):
        answer = await node.ReportPlaying(pb.ReportPlayingRequest(entry_id="hold-music", digest=digest), CALL)
        assert answer.as_published is as_published
    assert [event.digest for event in told] == [wrong, right]  # told when it changes
    hub = LibraryPlaying(stage.hub.database, hub_store.tables, hub_store.playing, stage.clock, lambda tx: {})
    seen: list[bool] = []
    for event in told:
        inbound = cast("Any", SimpleNamespace(message=event.SerializeToString(), origin="350000"))
        await stage.hub.database.write(lambda tx, i=inbound: keep_told_playing(tx, i, stage.clock.now))  # type: ignore[misc]
        (listed,) = (await hub.ListPlaying(pb.ListPlayingRequest(), CALL)).playing
        seen.append(listed.as_published)
    assert (listed.member, listed.digest, seen) == ("350000", right, [False, True])
    with pytest.raises(Refused) as refused:
        await node.ReportPlaying(pb.ReportPlayingRequest(entry_id="hold-music", digest=b"short"), CALL)
    assert refused.value.refusal.code is NO_PROMPT


async def _pieces_at(stage: Stage, side: Any, tables: Any) -> list[int]:
    """Which of `PIECES` are at hub or node."""
    lacks = await side.database.read(lambda tx: library_pieces.missing(tx, tables, SOUND.pieces))
    return [number for number, digest in enumerate(SOUND.pieces) if digest not in lacks]


async def test_a_piece_that_nothing_names_goes_from_a_node_after_the_horizon_and_a_shared_one_stays(stage: Stage) -> None:
    await _put(stage, *PIECES)
    await stage.publish(_prompt(), _prompt("other", described("ring.wav", "audio/x-wav", PIECES[:1])))
    await stage.copy()
    unused = UnusedPieces(stage.node.database, node_store.tables, stage.clock, timedelta(days=30))
    async with _served(LibraryBlobs(stage.hub.database, hub_store.tables, stage.clock)) as hub:
        files = _node_files(stage, lambda name: hub, "all")
        await files.step()
        stage.clock.later(days=365)
        assert await unused.step() == 0
        await stage.publish(replace(_prompt(), attachments=()))
        await stage.copy()
        assert await unused.step() == 0
        stage.clock.later(days=29)
        assert await unused.step() == 0 and await _held(stage) == 4
        await stage.publish(_prompt("third", described("tone.wav", "audio/x-wav", PIECES[1:2])))
        await stage.copy()
        stage.clock.later(days=2)
        assert await unused.step() == 2
    assert await _pieces_at(stage, stage.node, node_store.tables) == [0, 1]


async def test_the_hub_keeps_the_pieces_of_every_text_it_published_and_removes_what_was_only_sent(stage: Stage) -> None:
    stage.hub.settings.library = HubLibrary(removals_kept_days=30)
    await _put(stage, *PIECES)
    await stage.publish(_prompt(sound=described("hold.wav", "audio/x-wav", PIECES[:2])))
    await stage.publish(replace(_prompt(), attachments=()))
    unused = unused_pieces(stage.hub)
    assert await unused.step() == 0
    stage.clock.later(days=29)
    await _put(stage, PIECES[3])  # sent again: it will be published soon
    await unused.step()
    stage.clock.later(days=2)
    assert await unused.step() == 1
    assert await _pieces_at(stage, stage.hub, hub_store.tables) == [0, 1, 3]
