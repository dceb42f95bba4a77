"""`backup` and `restore` of hub and node: what the two commands share. They work on the database that the settings name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..adapters.clock import system_clock
from ..adapters.sql import backup as copies
from ..adapters.sql.database import open_database
from .common import Common
from .output import show_one


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


def _values(done: copies.Done) -> dict[str, Any]:
    about = {"member": done.header.member, "made_at": done.header.made_at.isoformat(timespec="seconds")}
    return {**about, "revision": done.revision, "tables": done.tables, "rows": done.rows, "epoch": done.epoch}
