"""`backup`, `restore` and `check` of hub and node: what the commands share. They work on the database that the settings name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..adapters.clock import system_clock
from ..adapters.settings import ServiceSettings
from ..adapters.signing.fields import open_cipher
from ..adapters.sql import backup as copies
from ..adapters.sql.database import open_database
from ..adapters.sql.soundness import check_all
from ..catalogue.catalogue import sentence
from ..core.decision import Refused
from ..core.delivery.codes import STORE_DAMAGED
from .common import Common
from .output import complain, show_one

CHECK_FAILED = 5


async def make_backup(path: Path, url: str, service: copies.Service, common: Common) -> None:
    """Back up and print what the file holds."""
    database = open_database(url)
    try:
        done = await copies.backup(database, service, path, system_clock())
    finally:
        await database.close()
    show_one({"file": str(path), **_values(done)}, as_json=common.json)


async def restore_backup(path: Path, url: str, service: copies.Service, common: Common, *, replace: bool) -> None:
    """Restore and print from when the file was and which epoch has begun."""
    done = await copies.restore(path, url, service, system_clock(), replace=replace)
    show_one({"file": str(path), **_values(done)}, as_json=common.json)


async def check_database(settings: ServiceSettings, service: copies.Service, common: Common) -> int:
    """Read everything and say how much it was; 5 if something is damaged."""
    database = open_database(settings.database_url, open_cipher(settings.fields_keyring, settings.cipher))
    try:
        checked = await check_all(database, service.metadata, settings.database_url)
    except Refused as refused:
        code, params = refused.refusal.code, refused.refusal.params
        if code is not STORE_DAMAGED:
            raise
        complain(code.name, sentence(code.name, params, common.language), as_json=common.json)
        return CHECK_FAILED
    finally:
        await database.close()
    show_one({"member": service.delivery.member, "tables": checked.tables, "rows": checked.rows}, as_json=common.json)
    return 0


def _values(done: copies.Done) -> dict[str, Any]:
    about = {"member": done.header.member, "made_at": done.header.made_at.isoformat(timespec="seconds")}
    return {**about, "revision": done.revision, "tables": done.tables, "rows": done.rows, "epoch": done.epoch}
