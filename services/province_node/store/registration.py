"""What a node keeps of the federation: the last signed directory that it verified."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Column, Connection, Integer, LargeBinary, Table, delete, insert, select

from twelve333.adapters.sql.types import UtcDateTime
from twelve333.api.common.v1 import common_pb2
from twelve333.api.registration.v1 import registration_pb2

from .metadata import metadata
from .past_directories import keep_past

directory = Table(
    "directory",
    metadata,
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("received_at", UtcDateTime, nullable=False),
    Column("document", LargeBinary, nullable=False),
)


@dataclass(frozen=True, slots=True)
class DirectoryRow:
    """A verified directory: version, when it came, and the signed document as bytes of `SignedDocument`."""

    version: int
    received_at: datetime
    document: bytes


def load_directory(tx: Connection) -> DirectoryRow | None:
    """The directory in use, or None before the first."""
    row = tx.execute(select(directory).order_by(directory.c.version.desc()).limit(1)).mappings().first()
    return DirectoryRow(**row) if row else None


def save_directory(tx: Connection, row: DirectoryRow) -> None:
    """Keep a new version in place of the one before, and a copy for decisions that are asked about later."""
    tx.execute(delete(directory))
    tx.execute(insert(directory).values(version=row.version, received_at=row.received_at, document=row.document))
    keep_past(tx, row.version, common_pb2.SignedDocument.FromString(row.document).payload, row.received_at)


def member_names(tx: Connection) -> list[str]:
    """The members that the directory in use lists."""
    row = load_directory(tx)
    if row is None:
        return []
    payload = common_pb2.SignedDocument.FromString(row.document).payload
    return [member.name for member in registration_pb2.Directory.FromString(payload).members]
