"""`hub rotate-root`: the three steps of exchanging the federation's root, each refused as long as a member would be left behind.

The commands work on the authority's files beside the running hub, which takes them up, and read from its database how members stand.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from datetime import datetime
from pathlib import Path
from typing import Final

from cryptography import x509
from sqlalchemy import Connection

from twelve333.adapters.signing import rooting
from twelve333.adapters.signing.fields import open_cipher
from twelve333.adapters.signing.rooting import Stage
from twelve333.adapters.sql.database import Database, open_database
from twelve333.api.registration.v1 import registration_pb2 as pb
from twelve333.core.audit.model import OK, Entry
from twelve333.core.decision import Code, Refused, refuse
from twelve333.core.registration import codes

from .handlers.standing import lacking
from .init import AUTHORITY_NAME
from .settings import HubSettings
from .store.audit import log

ACTION: Final = "registration.rotate_root"


async def begin(settings: HubSettings, root: Path | None, new_root: Path | None, now: datetime) -> x509.Certificate:
    """Make the new root with the old one's key; refusals as `rooting.begin`."""
    folder = authority_of(settings)
    async with AsyncExitStack() as stack:
        database = await _open(settings, stack)
        made = rooting.begin(folder, root or folder / "root", new_root, AUTHORITY_NAME, now)
        await _record(settings, database, "begin", now)
    return made


async def switch(settings: HubSettings, now: datetime, *, force: bool) -> x509.Certificate:
    """Issue under the new root from now on.

    Raises:
        Refused: SECURITY_ROTATION_NOT_BEGUN; REGISTRATION_ROOT_NOT_TRUSTED with the members that do not trust it yet, unless forced.
    """
    folder = authority_of(settings)
    async with AsyncExitStack() as stack:
        database = await _open(settings, stack)
        if rooting.stage_of(folder) is Stage.BEGUN and not force:
            await _require(database, trusts(folder), codes.ROOT_NOT_TRUSTED)
        made = rooting.switch(folder)
        await _record(settings, database, "switch", now)
    return made


async def retire(settings: HubSettings, now: datetime, *, force: bool) -> x509.Certificate:
    """Trust the new root alone from now on.

    Raises:
        Refused: SECURITY_ROTATION_NOT_SWITCHED; REGISTRATION_ROOT_IN_USE with the members that have not moved yet, unless forced.
    """
    folder = authority_of(settings)
    async with AsyncExitStack() as stack:
        database = await _open(settings, stack)
        if rooting.stage_of(folder) is Stage.SWITCHED and not force:
            await _require(database, moved(folder), codes.ROOT_IN_USE)
        made = rooting.retire(folder)
        await _record(settings, database, "retire", now)
    return made


async def standing(settings: HubSettings) -> tuple[Stage, list[str]]:
    """How far the rotation is, and which members the next step waits for."""
    folder = authority_of(settings)
    stage = rooting.stage_of(folder)
    if stage is Stage.NONE:
        return stage, []
    wanted = trusts(folder) if stage is Stage.BEGUN else moved(folder)
    async with AsyncExitStack() as stack:
        database = await _open(settings, stack)
        return stage, await database.read(lambda tx: lacking(tx, wanted))


def authority_of(settings: HubSettings) -> Path:
    """The folder of the federation's authority."""
    return settings.pki_directory / "authority"


def trusts(folder: Path) -> Callable[[pb.MemberStanding], bool]:
    """Whether a member trusts the root that comes."""
    comes = rooting.roots_of(folder)[1]
    return lambda standing: comes in standing.trusted_roots


def moved(folder: Path) -> Callable[[pb.MemberStanding], bool]:
    """Whether a member's certificate is under the root that comes."""
    comes = rooting.roots_of(folder)[1]
    return lambda standing: comes == standing.certificate_root


async def _require(database: Database, stands: Callable[[pb.MemberStanding], bool], code: Code) -> None:
    left: Sequence[str] = await database.read(lambda tx: lacking(tx, stands))
    if left:
        raise Refused(refuse(code, count=len(left), members=", ".join(left)))


async def _open(settings: HubSettings, stack: AsyncExitStack) -> Database:
    database = open_database(settings.database_url, open_cipher(settings.fields_keyring, settings.cipher))
    stack.push_async_callback(database.close)
    return database


async def _record(settings: HubSettings, database: Database, step: str, now: datetime) -> None:
    def work(tx: Connection) -> None:
        log.using(settings.digest).append(tx, Entry(now, "operator", "hub/command", ACTION, step, OK))

    await database.write(work)
