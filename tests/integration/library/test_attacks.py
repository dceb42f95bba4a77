"""Attacks on the distribution of the library, by name: each is refused and told, and the last good release stays in use."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, cast

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.support.library import Hub, Node, World, entry
from tests.support.members import Federation

from national_hub.handlers.library_copying import renew_checkpoint
from province_node.access import DESK
from province_node.handlers.library_history import LibraryHistoryHandlers as NodeHistory
from province_node.library import last_refusal
from province_node.store import library as node_store
from twelve333.adapters.rpc.credentials import server_credentials
from twelve333.adapters.rpc.server import Listener, build_server
from twelve333.adapters.signing.documents import sign
from twelve333.adapters.sql import library as replica
from twelve333.api.library.v1 import copying_pb2 as pb
from twelve333.api.library.v1 import history_pb2_grpc, service_pb2, service_pb2_grpc
from twelve333.cli.common import profile_text
from twelve333.cli.main import main
from twelve333.client import Connection
from twelve333.core.decision import Refused
from twelve333.core.identity import FEDERATION_DOMAIN, Role, node_identity
from twelve333.core.library.checkpoint import CHECKPOINT_BYTES_MAX, canonical_bytes
from twelve333.core.library.model import Release
from twelve333.wire.documents import document_to_wire


def _signed(world: World, release: Release, key: Ed25519PrivateKey | None = None) -> Callable[[Any], pb.GetCheckpointResponse]:
    """An answer with this release, signed by whoever has the key of the hub, or another one."""
    document = document_to_wire(sign(canonical_bytes(release), "library", release.number, key or world.key))
    return lambda answer: pb.GetCheckpointResponse(release=document, horizon=answer.horizon)


async def _refused(node: Node, code: str, good: Release | None) -> None:
    """The next step is refused with `code`, told once, and nothing of it is kept."""
    with pytest.raises(Refused) as refused:
        await node.step()
    assert refused.value.refusal.code.name == code
    assert await node.held() == good
    assert await node.context.database.read(last_refusal) == code
    assert (await node.told())[-1] == "ReleaseRefused"


async def _two(world: World) -> tuple[Hub, Node, Release]:
    """A hub with two releases, and a node that holds the second."""
    hub, node = await world.hub(), await world.node()
    await hub.publish(entry("a"))
    await node.step()
    await hub.publish(entry("b"))
    await node.step()
    return hub, node, await hub.release()


async def test_rollback(world: World) -> None:
    hub, node = await world.hub(), await world.node()
    await hub.publish(entry("a"))
    old = await hub.release()
    await hub.publish(entry("b"))
    await node.step()
    good = await node.held()
    hub.way.checkpoint = _signed(world, old)
    await _refused(node, "LIBRARY_ROLLED_BACK", good)
    assert await node.found("工伤") == ["a", "b"]


async def test_freeze(world: World) -> None:
    """Somebody keeps newer checkpoints back: the node notices when the time of the old one is over, and says so."""
    hub, node, good = await _two(world)
    frozen = pb.GetCheckpointResponse()
    world.later(days=8)
    assert await renew_checkpoint(hub.context)
    hub.way.checkpoint = lambda answer: frozen
    world.later(days=7)
    await _refused(node, "LIBRARY_FROZEN", good)
    hub.way.checkpoint = lambda answer: answer
    assert not await node.step()
    held = await node.held()
    assert held is not None and held.expires_at is not None and held.expires_at > world.now
    assert await node.context.database.read(last_refusal) == ""


async def test_an_expired_release_is_not_taken_anew(world: World) -> None:
    hub, node, good = await _two(world)
    await hub.publish(entry("c"))
    world.later(days=20)
    await _refused(node, "LIBRARY_EXPIRED", good)


async def test_mix_and_match(world: World) -> None:
    """The checkpoint of one release with the content of another one."""
    hub, node, good = await _two(world)
    await hub.publish(entry("c", "养老"))
    third = await hub.release()
    await hub.publish(entry("c", "失业"))
    mixed = replace(await hub.release(), root=third.root)
    hub.way.checkpoint = _signed(world, mixed)
    await _refused(node, "LIBRARY_ROOT_MISMATCH", good)
    assert await node.found("失业") == []
    await _refused(node, "LIBRARY_PART_MISMATCH", good)
    hub.way.checkpoint = lambda answer: answer
    assert await node.step()
    assert await node.found("失业") == ["c"]


async def test_wrong_key(world: World) -> None:
    hub, node, good = await _two(world)
    hub.way.checkpoint = _signed(world, replace(good, number=3), Ed25519PrivateKey.generate())
    await _refused(node, "SECURITY_DOCUMENT_WRONG_KEY", good)


async def test_fast_forward(world: World) -> None:
    """A number so high that no honest release could ever follow."""
    hub, node, good = await _two(world)
    hub.way.checkpoint = _signed(world, replace(good, number=good.number + 2_000_000, sequence=good.sequence + 2_000_000))
    await _refused(node, "LIBRARY_FAST_FORWARDED", good)
    hub.way.checkpoint = _signed(world, replace(good, epoch=good.epoch + 10 * 86_400_000, number=3))
    await _refused(node, "LIBRARY_FROM_FUTURE", good)
    hub.way.checkpoint = lambda answer: answer
    await hub.publish(entry("c"))
    assert await node.step()


async def test_fork(world: World) -> None:
    hub, node, good = await _two(world)
    hub.way.checkpoint = _signed(world, replace(good, root=bytes(32), expires_at=world.now + timedelta(days=30)))
    await _refused(node, "LIBRARY_FORKED", good)


async def test_a_broken_chain(world: World) -> None:
    hub, node, good = await _two(world)
    await hub.publish(entry("c"))
    hub.way.checkpoint = _signed(world, replace(await hub.release(), previous_root=bytes(32)))
    await _refused(node, "LIBRARY_CHAIN_BROKEN", good)


async def test_a_changed_byte_in_a_frame(world: World) -> None:
    hub, node, good = await _two(world)
    await hub.publish(entry("c"))

    def changed(frame: service_pb2.Frame) -> service_pb2.Frame:
        payload = bytearray(frame.payload)
        payload[len(payload) // 2] ^= 1
        return service_pb2.Frame(encoding=frame.encoding, payload=bytes(payload), address=frame.address)

    hub.way.frame = changed
    await _refused(node, "LIBRARY_FRAME_UNREADABLE", good)


async def test_a_province_that_lies_is_not_believed(world: World) -> None:
    """Another province changes an entry and tells what fits: its root is not the signed one."""
    hub, liar = await world.hub(), await world.node("360000")
    node = await world.node("350000", others=["360000"])
    await hub.publish(entry("a"))
    await liar.step()
    tables = node_store.tables
    await liar.context.database.write(
        lambda tx: (
            replica.apply(tx, tables, [replace(change, content=change.content.replace("工伤".encode(), "养老".encode()))])
            if (change := _first(tx))
            else None
        )
    )
    world.addresses["hub"] = "127.0.0.1:1"
    await _refused(node, "LIBRARY_PART_MISMATCH", None)


def _first(tx: Any) -> Any:
    from twelve333.adapters.sql.library_log import entries_by_id

    return entries_by_id(tx, node_store.tables, ["a"])[0]


async def test_every_checkpoint_is_at_most_2_kb(world: World) -> None:
    _, _, good = await _two(world)
    scope = replace(good.scope, topics=tuple(f"0101.350000-{i:02}" for i in range(16)), regions=("350100",) * 16)
    assert len(canonical_bytes(replace(good, scope=scope))) <= CHECKPOINT_BYTES_MAX


async def test_an_expired_library_stays_readable_and_says_as_of_when(world: World) -> None:
    _, node, good = await _two(world)
    assert good.expires_at is not None
    fresh = await node.reading.Search(service_pb2.SearchRequest(query="工伤"), cast("Any", None))
    assert not fresh.HasField("as_of")
    world.now = good.expires_at + timedelta(seconds=1)
    assert await node.found("工伤") == ["a", "b"]
    found = await node.reading.Search(service_pb2.SearchRequest(query="工伤"), cast("Any", None))
    shown = await node.reading.GetEntry(service_pb2.GetEntryRequest(id="a"), cast("Any", None))
    held = await node.reading.GetRelease(service_pb2.GetReleaseRequest(), cast("Any", None))
    assert {answer.as_of.seconds for answer in (found, shown, held)} == {int(good.expires_at.timestamp())}


async def test_show_says_library_as_of_when_the_library_is_expired(
    world: World, authorities: Federation, capsys: pytest.CaptureFixture[str]
) -> None:
    _, node, good = await _two(world)
    assert good.expires_at is not None
    async with _desk(node, authorities) as profile:
        asked = [[], ["--as-at", "2014-01-01"], ["--json"], ["--as-at", "2014-01-01", "--json"]]
        assert [await _shown(profile, words, capsys) for words in asked[:2]] == [("工伤认定", "")] * 2
        world.now = good.expires_at + timedelta(seconds=1)
        for words in asked:
            out, said = await _shown(profile, words, capsys)
            assert "工伤认定" in out and f"Library as of {good.expires_at.astimezone().isoformat(timespec='minutes')}" in said
            if "--json" in words:
                assert datetime.fromisoformat(json.loads(out)["as_of"]) == good.expires_at
        async with Connection.open_profile(profile) as desk:
            assert (await desk.library.get("a")).as_of == good.expires_at


@asynccontextmanager
async def _desk(node: Node, authorities: Federation) -> AsyncIterator[Path]:
    """A profile that may ask a node what its library says."""
    reading = partial(service_pb2_grpc.add_LibraryServiceServicer_to_server, node.reading)
    texts = partial(history_pb2_grpc.add_LibraryHistoryServiceServicer_to_server, NodeHistory(node.context))
    who = node_identity("350000")
    folder = authorities.certify(who)
    table = {name: frozenset({Role.NODE}) for name in DESK}
    server = build_server(Listener("127.0.0.1:0", server_credentials(folder), FEDERATION_DOMAIN), [reading, texts], table)
    await server.start()
    try:
        (folder / "profile.toml").write_text(profile_text(server.address, "350000"), encoding="utf-8")
        yield folder
    finally:
        await server.stop(0)


async def _shown(profile: Path, words: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[str, str]:
    """What `library show a` prints: the text (as JSON the whole answer), and what it says beside it."""
    assert await asyncio.to_thread(main, ["library", "show", "a", *words, "--profile", str(profile)]) == 0
    told = capsys.readouterr()
    return told.out if "--json" in words else told.out.splitlines()[-1], told.err
