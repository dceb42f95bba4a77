"""The doctor of a service: runs named checks beside each other, each within its time, and offers what they find to those who may ask."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

import grpc
from grpc.aio import ServicerContext
from sqlalchemy.engine import make_url

from ..api.doctor.v1 import doctor_pb2 as pb
from ..api.doctor.v1 import doctor_pb2_grpc
from ..core.decision import Refused
from ..core.doctor.model import Check, Level, finding
from ..core.doctor.rules import judge_backlog, judge_broker, judge_certificates, judge_configuration, judge_copies, judge_disk
from ..wire.doctor import findings_to_wire
from .clock import Clock
from .settings import ServiceSettings
from .signing.keys import CHAIN_FILE, load_certificates
from .sql.database import Database
from .sql.delivery import Delivery
from .sql.migrate import check_current

CHECK_SECONDS: Final = 5.0
MIB: Final = 1024 * 1024
_ORDER: Final = [
    "configuration",
    "certificate",
    "clock",
    "database",
    "disk",
    "broker",
    "hub",
    "directory",
    "library",
    "backlog",
    "copies",
    "units",
]
Looking = Callable[[], Awaitable[Check]]
Checks = Mapping[str, Looking]


async def examine(checks: Checks) -> list[Check]:
    """Run all checks; one that breaks off or takes too long has failed, and the others go on."""
    return list(await asyncio.gather(*(_guarded(name, checks[name]) for name in sorted(checks, key=_ORDER.index))))


async def examine_files(service: str, settings: ServiceSettings, checks: Checks, stored: Collection[str]) -> list[Check]:
    """Run the checks of a service that need not run; without a database that can be used, those named in `stored` are left out."""
    if await asyncio.to_thread(check_current, service, settings.database_url):
        checks = {name: look for name, look in checks.items() if name not in stored}
    return await examine(checks)


class DoctorHandlers(doctor_pb2_grpc.DoctorServiceServicer):
    """See `DoctorService`.

    Args:
        member: who this is.
        checks: by name, in the order in which they are told.
        clock: the present moment.
    """

    def __init__(self, member: str, checks: Checks, clock: Clock) -> None:
        self._member, self._checks, self._clock = member, checks, clock

    async def Examine(
        self, request: pb.ExamineRequest, context: ServicerContext[pb.ExamineRequest, pb.ExamineResponse]
    ) -> pb.ExamineResponse:
        """Run every check."""
        return findings_to_wire(self._member, self._clock(), await self.examine())

    async def examine(self) -> list[Check]:
        """The same for this process."""
        return await examine(self._checks)


def common_checks(
    service: str, settings: ServiceSettings, database: Database, delivery: Delivery, clock: Clock, folders: Sequence[str], answers: Looking
) -> dict[str, Looking]:
    """The checks that hub and node have in common.

    Args:
        service: as the migrations call it.
        settings: of the service.
        database, delivery: of the service.
        clock: the present moment.
        folders: of certificates, below `pki`.
        answers: looks whether the broker answers.
    """

    async def configuration() -> Check:
        return judge_configuration(doubts(settings))

    async def certificate() -> Check:
        return judge_certificates(await asyncio.to_thread(_ends, settings.pki_directory, folders), clock())

    async def store() -> Check:
        refusal = await asyncio.to_thread(check_current, service, settings.database_url)
        if refusal:
            return finding("database", Level.FAILED, "refused", code=refusal.code.name)
        await database.write(delivery.touch)
        return finding("database", Level.OK, "ok", kind=make_url(settings.database_url).get_backend_name())

    async def disk() -> Check:
        path = data_folder(settings)
        return judge_disk(shutil.disk_usage(path).free // MIB, str(path))

    async def backlog() -> Check:
        return judge_backlog(await database.read(delivery.status), clock())

    async def copies() -> Check:
        return judge_copies(await database.read(delivery.status), clock())

    looks = {"configuration": configuration, "certificate": certificate, "database": store, "disk": disk, "broker": answers}
    return {**looks, "backlog": backlog, "copies": copies}


def doubts(settings: ServiceSettings) -> list[str]:
    """Settings that are meant for a time, or for a machine of one's own."""
    found = ["broker.plain_payloads"] if settings.broker.plain_payloads else []
    found += ["logging.level"] if settings.logging.level == "debug" else []
    return found + (["broker.urls"] if any(url.startswith("nats:") for url in settings.broker.urls) else [])


def data_folder(settings: ServiceSettings) -> Path:
    """Where the data lies: the folder of the SQLite file, else that of the settings."""
    url = make_url(settings.database_url)
    path = Path(url.database or "") if url.get_backend_name() == "sqlite" else settings.base
    return path.parent if path.suffix else settings.base


def broker_connected(settings: ServiceSettings, connected: Callable[[], bool]) -> Looking:
    """The look of a service that runs: whether its session stands."""

    async def look() -> Check:
        return judge_broker(connected=connected(), addresses=", ".join(settings.broker.urls))

    return look


def broker_greets(settings: ServiceSettings) -> Looking:
    """The look from outside of a service: whether a NATS server says hello at one of the addresses."""

    async def look() -> Check:
        greetings = await asyncio.gather(*(greeting(url.rpartition("/")[2]) for url in settings.broker.urls))
        return judge_broker(connected=any(greetings), addresses=", ".join(settings.broker.urls))

    return look


async def greeting(address: str) -> Mapping[str, object]:
    """What a NATS server says first, in plain text even when TLS follows; empty if nobody does."""
    host, _, port = address.rpartition(":")
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            reader, writer = await asyncio.open_connection(host.strip("[]"), int(port))
            try:
                line = await reader.readline()
            finally:
                writer.close()
        said = json.loads(line.removeprefix(b"INFO ")) if line.startswith(b"INFO ") else {}
    except (OSError, ValueError, TimeoutError):
        return {}
    return said if isinstance(said, dict) else {}


def _ends(pki: Path, folders: Sequence[str]) -> dict[str, datetime]:
    return {name: load_certificates(pki / name / CHAIN_FILE)[0].not_valid_after_utc for name in folders}


async def _guarded(name: str, look: Looking) -> Check:
    try:
        async with asyncio.timeout(CHECK_SECONDS * 2):
            return await look()
    except Refused as refused:
        reason = refused.refusal.code.name
    except grpc.aio.AioRpcError as error:
        reason = error.code().name
    except (OSError, ValueError, TimeoutError) as error:
        reason = type(error).__name__
    return Check(name, Level.FAILED, "DOCTOR_CHECK_BROKEN", {"name": name, "reason": reason})
