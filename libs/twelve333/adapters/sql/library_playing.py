"""What is played for a prompt, by member and by unit: at a node its own, at the hub everybody's.

What is reported for a unit stands in a table of its own: a program from before it reads the other one as the word of a whole member.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Column, Connection, MetaData, Table, Text, insert, select, update

from ...core.library.model import NATIONAL, EntryKind
from ...core.library.pieces import plays
from ...core.worktime.model import CHINA
from . import library as replica
from .library_narrowing import Narrow
from .library_tables import LibraryTables
from .types import UtcDateTime

PAGE: Final = 200


@dataclass(frozen=True, slots=True)
class Played:
    """Which sound (SHA-256) is played for a prompt, and when that was reported.

    Args:
        unit: whose telephone system said so; empty: one of the member that did not say whose it is.
    """

    member: str
    entry_id: str
    digest: bytes
    reported_at: datetime
    unit: str = ""


@dataclass(frozen=True, slots=True)
class PlayingTables:
    """Where it is kept: what was reported for whole members, and for units, each with the member that served it then."""

    members: Table
    units: Table


def playing_tables(metadata: MetaData) -> PlayingTables:
    """Declare the tables in a service's `metadata`."""
    members = Table(
        "library_playing",
        metadata,
        Column("member", Text, primary_key=True),
        Column("entry_id", Text, primary_key=True),
        Column("digest", Text, nullable=False),  # SHA-256 of the sound, hexadecimal
        Column("reported_at", UtcDateTime, nullable=False),
    )
    units = Table(
        "library_unit_playing",
        metadata,
        Column("unit", Text, primary_key=True),
        Column("entry_id", Text, primary_key=True),
        Column("member", Text, nullable=False),
        Column("digest", Text, nullable=False),  # as above
        Column("reported_at", UtcDateTime, nullable=False),
    )
    return PlayingTables(members, units)


def keep_playing(tx: Connection, tables: PlayingTables, played: Played) -> bool:
    """Remember what is played; True if that is another sound or member than before, or the first report of a day (UTC)."""
    table = tables.units if played.unit else tables.members
    whose = table.c.unit == played.unit if played.unit else table.c.member == played.member
    key = whose & (table.c.entry_id == played.entry_id)
    said = {"member": played.member, "digest": played.digest.hex(), "reported_at": played.reported_at}
    before = tx.execute(select(table.c.member, table.c.digest, table.c.reported_at).where(key)).first()
    if before is None:
        tx.execute(insert(table).values(said | {"entry_id": played.entry_id} | ({"unit": played.unit} if played.unit else {})))
        return True
    tx.execute(update(table).where(key).values(said))
    return (before.member, before.digest, before.reported_at.date()) != (played.member, played.digest.hex(), played.reported_at.date())


def playing_of(tx: Connection, tables: PlayingTables, member: str, unit: str = "") -> dict[str, tuple[bytes, datetime]]:
    """What was reported at a member for one of its units, or (`unit` empty) for the whole of it: by prompt, and when."""
    table = tables.units if unit else tables.members
    query = select(table.c.entry_id, table.c.digest, table.c.reported_at).where(table.c.member == member)
    rows = tx.execute(query.where(table.c.unit == unit) if unit else query)
    return {row.entry_id: (bytes.fromhex(row.digest), row.reported_at) for row in rows}


def published_prompts(tx: Connection, tables: LibraryTables, now: datetime) -> dict[str, bytes]:
    """The sound of each national prompt that is in force on that day."""
    narrow = Narrow(kind=EntryKind.PROMPT, region=NATIONAL, as_at=now.astimezone(CHINA).date())
    found, after = dict[str, bytes](), ""
    while page := replica.page(tx, tables, after, PAGE, narrow):
        found |= {held.entry.id: sound for held in page if (sound := plays(held.entry)) is not None}
        after = page[-1].entry.id
    return found


def all_playing(tx: Connection, tables: PlayingTables) -> list[Played]:
    """What is played, by member, unit and prompt."""
    found = []
    for table in (tables.members, tables.units):
        for row in tx.execute(select(table)).mappings():
            found.append(Played(**{**row, "digest": bytes.fromhex(row["digest"])}))
    return sorted(found, key=lambda played: (played.member, played.unit, played.entry_id))
