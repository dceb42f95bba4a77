"""What a node keeps of callbacks and messages that its units owe; what callers left is forgotten as soon as they were reached."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any, Final

from sqlalchemy import (
    JSON,
    Column,
    Connection,
    Index,
    Integer,
    RowMapping,
    Select,
    String,
    Table,
    bindparam,
    insert,
    literal,
    or_,
    select,
    update,
)

from twelve333.adapters.sql.database import note
from twelve333.adapters.sql.fields import personal, protect, reveal
from twelve333.adapters.sql.types import UtcDateTime
from twelve333.core.routing.callbacks import HOLDS, OFFERED_AFTER_MISSES, Callback, CallbackState, Wish
from twelve333.core.routing.context import ContextItem
from twelve333.core.routing.model import Call, LastResortKind

from .metadata import metadata

CHANGED: Final = "callbacks"  # noted with the id of each that changed
_OVER: Final = (CallbackState.DONE.value, CallbackState.GIVEN_BACK.value)
_HOLDS: Final = sorted(state.value for state in HOLDS)

callbacks = Table(
    "callbacks",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("from_unit", String(6), nullable=False),
    Column("from_member", String(6), nullable=False),
    Column("unit", String(6), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("region", String(6), nullable=False),
    Column("topic", String(32), nullable=False),
    Column("language", String(32), nullable=False),
    Column("priority", Integer, nullable=False),
    Column("entered_at", UtcDateTime, nullable=False),
    Column("arrived_at", UtcDateTime, nullable=False),
    Column("state", String(16), nullable=False),
    Column("misses", Integer, nullable=False),
    Column("not_before", UtcDateTime, nullable=True),
    Column("held_until", UtcDateTime, nullable=True),
    Column("taken_by", String(64), nullable=False),
    Column("take_id", String(64), nullable=False),
    Column("pool", String(32), nullable=False),
    Column("wish", JSON, nullable=False, info=personal("id")),
    Index("ix_callbacks_unit", "unit", "state"),
    Index("ix_callbacks_state", "state", "held_until"),
)


def add_callback(tx: Connection, callback: Callback, wish: Wish, now: datetime) -> bool:
    """Keep one that came; False if it is there already."""
    if tx.scalar(select(callbacks.c.id).where(callbacks.c.id == callback.call.id)) is not None:
        return False
    call = callback.call
    row = _changing(callback) | {"id": call.id, "from_unit": callback.from_unit, "from_member": callback.from_member}
    row |= {"unit": callback.unit, "kind": callback.kind.value, "entered_at": callback.entered_at, "arrived_at": now}
    row |= {"region": call.region, "topic": call.topic, "language": call.language, "priority": call.priority}
    row["wish"] = [wish.number, wish.recording, wish.recording_sha256.hex(), [list(item) for item in wish.items]]
    tx.execute(insert(callbacks).values(protect(tx, callbacks, row)))
    note(tx, CHANGED, call.id)
    return True


def save_callback(tx: Connection, callback: Callback) -> None:
    """Keep it as it is now; what the caller left goes when it is over."""
    values = _changing(callback) | ({"wish": []} if callback.state.value in _OVER else {})
    tx.execute(update(callbacks).where(callbacks.c.id == callback.call.id).values(values))
    note(tx, CHANGED, callback.call.id)


def load_callbacks(tx: Connection, ids: Collection[str]) -> list[Callback]:
    """Those of these ids."""
    return [_callback(row) for row in tx.execute(select(callbacks).where(callbacks.c.id.in_(ids))).mappings()]


def load_wish(tx: Connection, callback_id: str) -> Wish:
    """What the caller left; nothing once that is forgotten."""
    row = tx.execute(select(callbacks.c.id, callbacks.c.wish).where(callbacks.c.id == callback_id)).mappings().first()
    kept = reveal(tx, callbacks, row)["wish"] if row else []
    if not kept:
        return Wish()
    number, recording, digest, items = kept
    return Wish(number, recording, bytes.fromhex(digest), tuple(ContextItem(*item) for item in items))


def line_of(tx: Connection, units: Collection[str] = (), *, everything: bool = False) -> list[Callback]:
    """The line of these units, of all if none is named, in the order of their turns; those that are over only if asked for."""
    query = select(callbacks) if everything else select(callbacks).where(callbacks.c.state.not_in(_OVER))
    rows = tx.execute(query.where(callbacks.c.unit.in_(units)) if units else query).mappings()
    return sorted(map(_callback, rows), key=lambda callback: callback.turn)


def overdue_callbacks(tx: Connection, now: datetime) -> list[Callback]:
    """Those that hold a seat for longer than they may."""
    late = callbacks.c.state.in_(_HOLDS) & (callbacks.c.held_until <= now)
    return [_callback(row) for row in tx.execute(select(callbacks).where(late)).mappings()]


def missed_callbacks(tx: Connection, now: datetime) -> list[Callback]:
    """Those that were missed so often that they are offered by themselves, and whose pause is over."""
    due = (
        (callbacks.c.state == CallbackState.WAITING.value) & (callbacks.c.misses >= OFFERED_AFTER_MISSES) & (callbacks.c.not_before <= now)
    )
    return [_callback(row) for row in tx.execute(select(callbacks).where(due)).mappings()]


def ringing_callbacks(tx: Connection) -> list[Callback]:
    """Those that ring."""
    ringing = callbacks.c.state == CallbackState.RINGING.value
    return [_callback(row) for row in tx.execute(select(callbacks).where(ringing)).mappings()]


def seats_held_query(units: list[Any]) -> Select[Any]:
    """The seats that callbacks of units hold at the time `now`, on behalf of whom the caller asked first: unit and columns of `Taken`."""
    it = callbacks.c
    held = it.unit.in_(units) & or_(*(it.state == state for state in _HOLDS)) & (it.held_until > bindparam("now"))
    return select(it.unit, it.held_until, it.from_member, it.from_unit, it.topic, it.language, it.pool, literal(1)).where(held)


def _changing(callback: Callback) -> dict[str, Any]:
    return {
        "state": callback.state.value,
        "misses": callback.misses,
        "not_before": callback.not_before,
        "held_until": callback.held_until,
        "taken_by": callback.taken_by,
        "take_id": callback.take_id,
        "pool": callback.pool,
    }


def _callback(row: RowMapping) -> Callback:
    return Callback(
        call=Call(row["id"], row["region"], "", row["topic"], row["language"], priority=row["priority"]),
        from_unit=row["from_unit"],
        from_member=row["from_member"],
        unit=row["unit"],
        kind=LastResortKind(row["kind"]),
        entered_at=row["entered_at"],
        state=CallbackState(row["state"]),
        misses=row["misses"],
        not_before=row["not_before"],
        held_until=row["held_until"],
        taken_by=row["taken_by"],
        take_id=row["take_id"],
        pool=row["pool"],
    )
