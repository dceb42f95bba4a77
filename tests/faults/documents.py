"""The key that signs directories and releases: exchanged while a node is away, and used by a thief to show one node another directory."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime
from functools import partial
from typing import Final

import grpc

from twelve333.adapters.rpc.credentials import server_credentials
from twelve333.adapters.signing.documents import load_signing_key, sign
from twelve333.api.common.v1 import common_pb2
from twelve333.api.registration.v1 import registration_pb2, service_pb2
from twelve333.cli.demo.stage import everybody_has_directory, until
from twelve333.cli.library_files import sample_entries as library_entries
from twelve333.cli.unit import sample_entries
from twelve333.core.documents import digest_of
from twelve333.core.registration.split import DIRECTORY_OTHER_HISTORY, DIRECTORY_SPLIT
from twelve333.wire.documents import document_to_wire
from twelve333.wire.times import to_timestamp

from .crashes import JIANGSU, SHANGHAI
from .load import Load
from .proxy import HOST
from .run import Fault
from .stage import FIRST_ENTRIES, HUB, Stage

ELSEWHERE: Final = "110000"  # a unit that has nothing to do with the load
SHOWN_DIGITS: Final = 16
SERVICE: Final = "twelve333.api.registration.v1.RegistrationService"


@asynccontextmanager
async def exchanged(stage: Stage, load: Load) -> AsyncIterator[None]:
    """Exchanged three times, twice of them while a node is away: nobody has to ask a second time, and everybody follows by himself."""
    before = load.ledger.asked_again.copy()
    await _exchange(stage, load)
    await _everybody_follows(stage, 1)
    await load.accepts(4)
    await load.rest(JIANGSU)
    await stage.kill(JIANGSU)
    for _ in range(2):
        await _exchange(stage, load)
        await load.accepts(4, SHANGHAI)
    await stage.start(JIANGSU)
    load.resume(JIANGSU)
    await _everybody_follows(stage, 2)
    await load.accepts(4)
    assert load.ledger.asked_again == before, f"calls that failed on the way: {load.ledger.asked_again - before}"
    yield


async def _exchange(stage: Stage, load: Load) -> None:
    """The hub starts again with the new key; its editor has a rest meanwhile, the desks have none."""
    await load.rest(HUB)
    await stage.federation.command("hub", "rotate-documents", "--directory", stage.federation.hub.folder, member=HUB)
    await stage.restart(HUB)
    load.resume(HUB)


async def _everybody_follows(stage: Stage, number: int) -> None:
    """The next directory and the next release, signed by the present key, come into use everywhere."""
    await everybody_has_directory(stage.federation, await _published(stage, f"换钥{number}"))
    async with stage.federation.hub.connect() as hub:
        await hub.library.publish([library_entries()[FIRST_ENTRIES + number]], strict=True)
        newest = (await hub.library.release()).release.number
    for name in stage.provinces:
        await until(f"release {newest} at {name}", partial(_holds_release, stage, name, newest), 60.0)


async def _holds_release(stage: Stage, name: str, number: int) -> bool:
    async with stage.member(name).connect() as node:
        return (await node.registration.node_status()).library_release >= number


async def _published(stage: Stage, name: str) -> int:
    """Let the hub publish another directory: a unit is called so; its version."""
    entry = next(each for each in sample_entries() if each.unit.code == ELSEWHERE)
    entry.unit.name = name
    async with stage.federation.hub.connect() as hub:
        return (await hub.registration.register_units([entry]))[1]


@asynccontextmanager
async def split_view(stage: Stage, load: Load) -> AsyncIterator[None]:
    """A thief of the hub's keys shows one node another directory: an alarm with both hashes at both and at the hub, and work goes on."""
    forged = _forged(stage)
    async with _thief(stage, forged) as port:
        undo = stage.to_hub[SHANGHAI].redirect(port)
        try:
            await until("the forged directory in use", partial(_works_from, stage, SHANGHAI, forged.version), 60.0)
        finally:
            undo()
    version = await _published(stage, "真名")
    assert version == forged.version, "two texts under one number"
    await until("the true directory in use", partial(_works_from, stage, JIANGSU, version), 60.0)
    shown = {JIANGSU: _hash(_present(stage)), SHANGHAI: _hash(forged)}
    for name in stage.provinces:
        await until(f"an alarm at {name}", partial(_is_alarmed, stage, name, tuple(shown.values())), 60.0)
    for name in stage.provinces:
        await until(f"the hub knows of {name}", partial(_hub_knows, stage, name), 60.0)
    await load.accepts(6)
    await everybody_has_directory(stage.federation, await _published(stage, "再改"))
    await until("an alarm of its own", partial(_is_alarmed, stage, SHANGHAI, (_hash(forged),), DIRECTORY_OTHER_HISTORY.name), 60.0)
    for name in stage.provinces:
        async with stage.member(name).connect() as node:
            await node.delivery.clear_alarms(HUB)
    yield


def _present(stage: Stage) -> common_pb2.SignedDocument:
    with closing(sqlite3.connect(stage.federation.hub.folder / "hub.db", timeout=10)) as database:
        ((document,),) = database.execute("SELECT document FROM directory ORDER BY version DESC LIMIT 1").fetchall()
    return common_pb2.SignedDocument.FromString(document)


def _forged(stage: Stage) -> common_pb2.SignedDocument:
    """The next directory, of another text, signed by the hub's own key."""
    present = _present(stage)
    directory = registration_pb2.Directory.FromString(present.payload)
    directory.version, directory.previous_version, directory.previous_sha256 = (
        present.version + 1,
        present.version,
        digest_of(present.payload),
    )
    directory.made_at.CopyFrom(to_timestamp(datetime.now(UTC)))
    next(unit for unit in directory.units if unit.code == ELSEWHERE).name = "假名"
    key = load_signing_key(stage.federation.hub.folder / "pki" / "documents.key")
    return document_to_wire(sign(directory.SerializeToString(deterministic=True), "directory", directory.version, key))


@asynccontextmanager
async def _thief(stage: Stage, forged: common_pb2.SignedDocument) -> AsyncIterator[int]:
    """Serves it in the hub's name; the port."""

    async def answer(request: service_pb2.GetDirectoryRequest, context: object) -> service_pb2.GetDirectoryResponse:
        return service_pb2.GetDirectoryResponse(directory=forged if forged.version > request.since_version else None)

    decode, encode = service_pb2.GetDirectoryRequest.FromString, service_pb2.GetDirectoryResponse.SerializeToString
    method = grpc.unary_unary_rpc_method_handler(answer, request_deserializer=decode, response_serializer=encode)
    server = grpc.aio.server()
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(SERVICE, {"GetDirectory": method})])
    port = server.add_secure_port(f"{HOST}:0", server_credentials(stage.federation.hub.folder / "pki" / "federation"))
    await server.start()
    try:
        yield port
    finally:
        await server.stop(0)


async def _works_from(stage: Stage, name: str, version: int) -> bool:
    async with stage.member(name).connect() as node:
        return (await node.registration.node_status()).directory_version == version


async def _is_alarmed(stage: Stage, name: str, hashes: tuple[str, ...], code: str = DIRECTORY_SPLIT.name) -> bool:
    async with stage.member(name).connect() as node:
        details = [alarm.detail for alarm in (await node.delivery.status()).alarms if alarm.code == code]
    return any(all(shown in detail for shown in hashes) for detail in details)


async def _hub_knows(stage: Stage, name: str) -> bool:
    async with stage.federation.hub.connect() as hub:
        standings = {each.member: each for each in await hub.registration.member_standings()}
    return name in standings and DIRECTORY_SPLIT.name in {alarm.code for alarm in standings[name].alarms}


def _hash(document: common_pb2.SignedDocument) -> str:
    return digest_of(document.payload).hex()[:SHOWN_DIGITS]


FAULTS: Final = (
    Fault("rotated.documents_key", exchanged),
    Fault("malicious.split_view", split_view, fresh=True),
)
