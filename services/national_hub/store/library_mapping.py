"""Entries that wait for their codes to be mapped, whole as they came, and the maps that people made."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Column, Connection, LargeBinary, Row, Table, Text, delete, insert, select, update

from twelve333.adapters.sql import UtcDateTime

from .metadata import metadata

ANY_PROVINCE = ""

unmapped_table = Table(
    "library_unmapped",
    metadata,
    Column("entry_id", Text, primary_key=True),
    Column("content", LargeBinary, nullable=False),  # serialised Entry, byte for byte
    Column("topics", Text, nullable=False),  # the unknown codes, one a line
    Column("province", Text, nullable=False),
    Column("received_at", UtcDateTime, nullable=False),
)
maps_table = Table(
    "library_topic_maps",
    metadata,
    Column("province", Text, primary_key=True),  # whose old tree; empty for all
    Column("topic", Text, primary_key=True),
    Column("becomes", Text, nullable=False),
    Column("mapped_at", UtcDateTime, nullable=False),
)


def queue(tx: Connection, entry_id: str, content: bytes, topics: Sequence[str], province: str, now: datetime) -> None:
    """Let an entry wait; what waited under its id is replaced."""
    unqueue(tx, [entry_id])
    values = {"entry_id": entry_id, "content": content, "topics": "\n".join(topics), "province": province, "received_at": now}
    tx.execute(insert(unmapped_table).values(values))


def unqueue(tx: Connection, entry_ids: Sequence[str]) -> None:
    """These wait no more."""
    for start in range(0, len(entry_ids), 200):
        tx.execute(delete(unmapped_table).where(unmapped_table.c.entry_id.in_(entry_ids[start : start + 200])))


def waiting(tx: Connection, topic: str = "") -> Sequence[Row[Any]]:
    """What waits, by id; only what waits for `topic`, if given."""
    rows = tx.execute(select(unmapped_table).order_by(unmapped_table.c.entry_id)).all()
    return [row for row in rows if not topic or topic in row.topics.split("\n")]


def keep_map(tx: Connection, province: str, topic: str, becomes: str, now: datetime) -> None:
    """Remember what a code of an old tree means."""
    key = (maps_table.c.province == province) & (maps_table.c.topic == topic)
    if tx.execute(update(maps_table).where(key).values(becomes=becomes, mapped_at=now)).rowcount == 0:
        tx.execute(insert(maps_table).values(province=province, topic=topic, becomes=becomes, mapped_at=now))


def maps_of(tx: Connection) -> dict[str, dict[str, str]]:
    """All maps, by province and code."""
    found: dict[str, dict[str, str]] = {}
    for row in tx.execute(select(maps_table)):
        found.setdefault(row.province, {})[row.topic] = row.becomes
    return found
