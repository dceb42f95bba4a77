"""Frames that have come and are not written yet: kept at once, so that a node that was killed asks for none of them again.

What is in them is not believed more for having been kept: it is compared with the tree of the release like everything that is held.
"""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Connection, Integer, LargeBinary, Table, delete, false, insert, select

from .metadata import metadata

frames_table = Table(
    "library_frames",
    metadata,
    Column("position", Integer, primary_key=True, autoincrement=False),  # in the order in which they came
    Column("frame", LargeBinary, nullable=False),  # as it came
    Column("log", Boolean, nullable=False, server_default=false()),  # of the log; else of parts of the tree
)


def keep(tx: Connection, position: int, frame: bytes, *, log: bool) -> None:
    """Keep a frame, of the log or of parts."""
    tx.execute(insert(frames_table).values(position=position, frame=frame, log=log))


def waiting(tx: Connection, *, log: bool) -> list[tuple[int, bytes]]:
    """What was kept of the log or of parts, in order."""
    rows = tx.execute(select(frames_table).where(frames_table.c.log.is_(log)).order_by(frames_table.c.position))
    return [(row.position, bytes(row.frame)) for row in rows]


def forget(tx: Connection, until: int | None = None) -> None:
    """Forget frames up to a position, or all: they are written, or of no use."""
    tx.execute(delete(frames_table) if until is None else delete(frames_table).where(frames_table.c.position <= until))
