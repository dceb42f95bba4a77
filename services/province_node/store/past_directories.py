"""The directories a node decided by, compressed, for as long as a decision may be asked about."""

from __future__ import annotations

import zlib
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Column, Connection, Integer, LargeBinary, Table, delete, insert, select

from twelve333.adapters.sql.types import UtcDateTime
from twelve333.api.registration.v1.registration_pb2 import Directory

from .metadata import metadata

KEPT_FOR: Final = timedelta(days=400)

past_directories = Table(
    "past_directories",
    metadata,
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("received_at", UtcDateTime, nullable=False, index=True),
    Column("payload", LargeBinary, nullable=False),
)


def keep_past(tx: Connection, version: int, payload: bytes, now: datetime) -> None:
    """Keep a directory that comes into use, and forget those that are older than a decision may be asked about."""
    tx.execute(delete(past_directories).where(past_directories.c.received_at < now - KEPT_FOR))
    tx.execute(delete(past_directories).where(past_directories.c.version == version))
    tx.execute(insert(past_directories).values(version=version, received_at=now, payload=zlib.compress(payload)))


def load_past(tx: Connection, version: int) -> Directory | None:
    """The directory of a version, or None if it is not kept."""
    kept = tx.scalar(select(past_directories.c.payload).where(past_directories.c.version == version))
    return Directory.FromString(zlib.decompress(kept)) if kept is not None else None
