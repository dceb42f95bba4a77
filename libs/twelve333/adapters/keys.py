"""What hub and node do with the keys of personal data by command: make them, and rotate them beside the running service."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import MetaData

from .settings import ServiceSettings
from .signing.fields import LOOK_AGAIN_SECONDS, add_key, drop_old_keys, ensure_ring, open_cipher
from .sql.database import open_database
from .sql.erasing import erase_freed
from .sql.fields import personal_columns
from .sql.reseal import reseal


@dataclass(frozen=True, slots=True)
class Rotated:
    """What a rotation did: the new key's id, rows sealed anew that were sealed before, rows that were plain, old keys forgotten."""

    key_id: str
    resealed: int
    were_plain: int
    forgotten: int


def ensure_keys(settings: ServiceSettings, now: datetime) -> None:
    """Make the keyring unless it is there; where there is no folder of keys (a job that only migrates) nothing is made."""
    if settings.fields_keyring.parent.is_dir():
        ensure_ring(settings.fields_keyring, settings.cipher, now)


async def rotate(settings: ServiceSettings, metadata: MetaData, now: datetime, *, forget_old: bool) -> Rotated:
    """Make a new key the current one and seal everything anew under it.

    Args:
        settings: of the service; it may be running.
        metadata: its tables.
        now: noted with the key.
        forget_old: afterwards drop the older keys: backups made before cannot be read any more then.

    Raises:
        Refused: SECURITY_FILE_*, SECURITY_FIELD_*, DELIVERY_STORE_*.
    """
    path, suite = settings.fields_keyring, settings.cipher
    key_id = add_key(path, suite, now)
    database = open_database(settings.database_url, open_cipher(path, suite))
    try:
        found = await reseal(database, metadata)
        if forget_old:  # a running service goes over to the new key within its look-again time; then nothing old can come any more
            await asyncio.sleep(2 * LOOK_AGAIN_SECONDS)
            found += await reseal(database, metadata)
    finally:
        await database.close()
    if found.plain:
        await erase_freed(settings.database_url, [table.name for table in metadata.sorted_tables if personal_columns(table)], compact=True)
    return Rotated(key_id, found.older, found.plain, drop_old_keys(path) if forget_old else 0)
