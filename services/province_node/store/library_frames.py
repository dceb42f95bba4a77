"""Frames that have come and are not written yet: kept at once, so that a node that was killed asks for none of them again.

What is in them is not believed more for having been kept: it is compared with the tree of the release like everything that is held.
"""

from __future__ import annotations

from sqlalchemy import Column, Connection, Integer, LargeBinary, Table, delete, insert, select

from .metadata import metadata

frames_table = Table(
    "library_frames",
    metadata,
    Column("position", Integer, primary_key=True, autoincrement=False),  # in the order in which they came
    Column("frame", LargeBinary, nullable=False),  # as it came
)


def keep(tx: Connection, position: int, frame: bytes) -> None:
    """Keep a frame."""
    tx.execute(insert(frames_table).values(position=position, frame=frame))


def waiting(tx: Connection) -> list[tuple[int, bytes]]:
    """What was kept, in order."""
    rows = tx.execute(select(frames_table).order_by(frames_table.c.position))
    return [(row.position, bytes(row.frame)) for row in rows]


def forget(tx: Connection, until: int | None = None) -> None:
    """Forget frames up to a position, or all: they are written, or of no use."""
    tx.execute(delete(frames_table) if until is None else delete(frames_table).where(frames_table.c.position <= until))
