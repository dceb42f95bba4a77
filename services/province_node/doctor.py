"""What a node looks at when it is asked how it is: by itself while it runs, or from its files alone."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import grpc

from twelve333.adapters.clock import Clock, system_clock
from twelve333.adapters.doctor import Checks, Looking, broker_connected, broker_greets, common_checks
from twelve333.adapters.doctor import examine_files as examine_files_of
from twelve333.adapters.hosting import federation_folder
from twelve333.adapters.rpc.credentials import channel_options
from twelve333.adapters.settings import load
from twelve333.adapters.signing.document_keys import load_pinned
from twelve333.adapters.signing.files import read_file
from twelve333.adapters.signing.keys import ROOT_FILE
from twelve333.adapters.sql.database import Database, open_database
from twelve333.adapters.sql.delivery import Delivery
from twelve333.api.library.v1 import service_pb2 as library_pb
from twelve333.api.library.v1 import service_pb2_grpc as library_grpc
from twelve333.api.registration.v1 import registration_pb2, service_pb2_grpc
from twelve333.api.registration.v1 import service_pb2 as pb
from twelve333.core.decision import Refused
from twelve333.core.doctor.model import Check, Level, finding
from twelve333.core.doctor.rules import judge_clock, judge_directory, judge_library
from twelve333.core.ids import HUB
from twelve333.wire.times import from_timestamp

from .context import NodeContext
from .directory import DirectoryReplica
from .settings import NodeSettings
from .store import delivery_of, library

SERVICE: Final = "province_node"
ASK_SECONDS: Final = 4.0
FOLDERS: Final = ("federation", "desk")
STORED: Final = frozenset({"backlog", "copies", "directory", "library"})


@dataclass(frozen=True, slots=True)
class HubSaid:
    """What the hub said: how far its clock is ahead of ours, and its newest release if it told."""

    off: timedelta
    release: int | None = None


AskHub = Callable[[], Awaitable[HubSaid]]


def live_checks(node: NodeContext, delivery: Delivery, connected: Callable[[], bool]) -> Checks:
    """The checks of a node that runs."""

    async def ask() -> HubSaid:
        channel, began = node.peers.channel(HUB), node.clock()
        request = pb.GetDirectoryRequest(since_version=node.directory.version)
        answer = await service_pb2_grpc.RegistrationServiceStub(channel).GetDirectory(request, timeout=ASK_SECONDS)
        off = _off(_said_at(answer), began, node.clock())
        return HubSaid(off, await _newest_release(channel))

    answers = broker_connected(node.settings, connected)
    return _checks(node.settings, node.database, delivery, node.directory, node.clock, answers, ask)


async def examine_files(config: Path) -> list[Check]:
    """What can be seen of a node from its files, whether it runs or not."""
    try:
        settings = load(NodeSettings, config)
        document_key = load_pinned(settings.pki_directory)
    except Refused as refused:
        wrong = ", ".join(each.path for each in refused.refusal.violations) or refused.refusal.code.name
        return [finding("configuration", Level.FAILED, "wrong", path=config, settings=wrong)]
    database, directory = open_database(settings.database_url), DirectoryReplica(document_key)
    try:
        delivery, answers = delivery_of(settings.province), broker_greets(settings)
        checks = _checks(settings, database, delivery, directory, system_clock, answers, _greet(settings))
        return await examine_files_of(SERVICE, settings, checks, STORED)
    finally:
        await database.close()


def _checks(
    settings: NodeSettings,
    database: Database,
    delivery: Delivery,
    directory: DirectoryReplica,
    clock: Clock,
    answers: Looking,
    ask: AskHub,
) -> Checks:
    async def hub() -> Check:
        said = await _tried(ask)
        return finding("hub", *((Level.OK, "ok") if said else (Level.WARNING, "away")), address=settings.hub.endpoint)

    async def clocks() -> Check:
        said = await _tried(ask)
        return judge_clock(said.off if said else None)

    async def directories() -> Check:
        if not directory.version:
            await directory.load(database)
        confirmed = directory.confirmation.confirmed_at if directory.version else None
        return judge_directory(directory.freshness(clock()) if directory.version else None, directory.version, confirmed)

    async def releases() -> Check:
        said = await _tried(ask)
        return judge_library(await database.read(library.release_number), said.release if said else None)

    common = common_checks(SERVICE, settings, database, delivery, clock, FOLDERS, answers)
    return {**common, "clock": clocks, "hub": hub, "directory": directories, "library": releases}


def _greet(settings: NodeSettings) -> AskHub:
    """Ask the hub at its open door for the time, which needs no running node."""

    async def ask() -> HubSaid:
        if settings.hub.enrolment is None:
            raise OSError
        began, root = system_clock(), read_file(federation_folder(settings) / ROOT_FILE)
        credentials = grpc.ssl_channel_credentials(root)
        async with grpc.aio.secure_channel(settings.hub.enrolment, credentials, options=channel_options(HUB)) as channel:
            told = await service_pb2_grpc.EnrolmentServiceStub(channel).Greet(pb.GreetRequest(), timeout=ASK_SECONDS)
        return HubSaid(_off(from_timestamp(told.now), began, system_clock()))

    return ask


async def _tried(ask: AskHub) -> HubSaid | None:
    try:
        return await ask()
    except (grpc.aio.AioRpcError, Refused, OSError):
        return None


async def _newest_release(channel: grpc.aio.Channel) -> int | None:
    """The number of the hub's library release; None if it has none or does not say."""
    try:
        held = await library_grpc.LibraryServiceStub(channel).GetRelease(library_pb.GetReleaseRequest(), timeout=ASK_SECONDS)
    except grpc.aio.AioRpcError:
        return None
    return held.release.number


def _said_at(answer: pb.GetDirectoryResponse) -> datetime:
    return from_timestamp(registration_pb2.DirectoryCurrent.FromString(answer.current.payload).at)


def _off(theirs: datetime, began: datetime, heard: datetime) -> timedelta:
    """How far another clock is ahead: it was read at some moment between question and answer; within that nothing is off."""
    if theirs < began:
        return theirs - began
    return theirs - heard if theirs > heard else timedelta()
