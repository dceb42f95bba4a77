"""What a node keeps of handoffs: those it placed with every step, and the seats it leased to those of others.

What a caller told (the context) is forgotten as soon as the handoff is over, or a while after it came back.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    CompoundSelect,
    Connection,
    Index,
    Integer,
    LargeBinary,
    Select,
    String,
    Table,
    bindparam,
    false,
    func,
    or_,
    select,
    text,
    union_all,
)

from twelve333.adapters.sql.database import note
from twelve333.adapters.sql.fields import Row, personal, protect, reveal
from twelve333.adapters.sql.later import insert_later, settle_rows
from twelve333.adapters.sql.rows import Listed, Query, Rows
from twelve333.adapters.sql.types import UtcDateTime
from twelve333.api.routing.v1 import routing_pb2
from twelve333.core.routing.back import kept_until
from twelve333.core.routing.context import ContextItem
from twelve333.core.routing.handoff import Handoff, Step
from twelve333.core.routing.ledger import Taken
from twelve333.core.routing.machine import HOLDS_SEAT, STEPS, HandoffState
from twelve333.core.routing.model import Call, LastResort, LastResortKind
from twelve333.core.routing.offers import Lease, Offer
from twelve333.wire.routing import route_from_wire, route_to_wire

from .callbacks import seats_held_query
from .metadata import metadata


def _call_columns() -> list[Column[Any]]:
    return [
        Column("from_unit", String(6), nullable=False),
        Column("region", String(6), nullable=False),
        Column("caller_region", String(6), nullable=False),
        Column("topic", String(32), nullable=False),
        Column("language", String(32), nullable=False),
        Column("visited", JSON, nullable=False),
    ]


_KEPT: Final = "context_until IS NOT NULL"
handoffs = Table(
    "handoffs",
    metadata,
    Column("id", String(64), primary_key=True),
    *_call_columns(),
    Column("state", String(16), nullable=False),
    Column("unit", String(6), nullable=False),
    Column("member", String(6), nullable=False),
    Column("offer_id", String(80), nullable=False),
    Column("target", String(255), nullable=False),
    Column("reason", String(64), nullable=False),
    Column("last_resort", String(16), nullable=False),
    Column("held_until", UtcDateTime, nullable=True),
    Column("placed_at", UtcDateTime, nullable=False, index=True),
    Column("context", JSON, nullable=False, info=personal("id")),
    Column("context_sha256", LargeBinary, nullable=False),
    Column("route", LargeBinary, nullable=False),
    Column("placed_by", String(64), nullable=False, server_default=""),
    Column("context_until", UtcDateTime, nullable=True),
    Column("came_by", String(64), nullable=False, server_default=""),
    Index("ix_handoffs_state", "state", "held_until"),
    Index("ix_handoffs_placed_by", "placed_by", "placed_at"),
    Index("ix_handoffs_context_until", "context_until", sqlite_where=text(_KEPT), postgresql_where=text(_KEPT)),
)
handoff_steps = Table(
    "handoff_steps",
    metadata,
    Column("handoff_id", String(64), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("state", String(16), nullable=False),
    Column("unit", String(6), nullable=False),
    Column("reason", String(64), nullable=False),
    Column("at", UtcDateTime, nullable=False),
)
seat_leases = Table(
    "seat_leases",
    metadata,
    Column("from_member", String(6), primary_key=True),
    Column("offer_id", String(80), primary_key=True),
    Column("handoff_id", String(64), nullable=False, index=True),
    *_call_columns(),
    Column("unit", String(6), nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("state", String(16), nullable=False),
    Column("target", String(255), nullable=False),
    Column("accepted_at", UtcDateTime, nullable=False, index=True),
    Column("held_until", UtcDateTime, nullable=False),
    Column("priority", Integer, nullable=False, server_default="0"),
    Column("pool", String(64), nullable=False, server_default=""),
    Column("slot", Boolean, nullable=False, server_default=false()),
    Column("context", JSON, nullable=False, info=personal("from_member", "offer_id")),
    Column("context_sha256", LargeBinary, nullable=False),
    Column("taken_by", String(64), nullable=False, server_default=""),
    Column("visits", LargeBinary, nullable=True),
    Index("ix_seat_leases_held", "state", "unit", "held_until"),
)
OWN_MAX: Final = 500  # of a desktop, told when it comes
CHANGED: Final = "handoffs"  # noted with the id of each handoff that changed
_SEAT_STATES = sorted(state.value for state in HOLDS_SEAT)
_HANDOFF: Final = Rows(handoffs, handoffs.c.id)
_STEPS: Final = Rows(handoff_steps, handoff_steps.c.handoff_id, order=[handoff_steps.c.number])
_TOLD: Final = Query(select(handoffs.c.id, handoffs.c.context).where(handoffs.c.id == bindparam("id")), handoffs)
_FROM: Final = Listed(lambda ids: select(handoffs.c.id, handoffs.c.from_unit).where(handoffs.c.id.in_(ids)), handoffs.c.id.type, handoffs)
_LEASES: Final = Listed(
    lambda ids: select(seat_leases).where(seat_leases.c.handoff_id.in_(ids)), seat_leases.c.handoff_id.type, seat_leases
)
_LEASE: Final = Rows(seat_leases, seat_leases.c.from_member, seat_leases.c.offer_id)
_INCOMING: Final = Rows(seat_leases, seat_leases.c.handoff_id, order=[seat_leases.c.accepted_at.desc()], limit=1)


def _running(units: list[Any]) -> CompoundSelect[Any]:
    """The seats that calls and callbacks of units hold at the time `now`, those that differ in nothing but their end together."""
    it = seat_leases.c
    held = it.unit.in_(units) & (it.held_until > bindparam("now")) & or_(*(it.state == state for state in _SEAT_STATES))
    alike = it.from_member, it.from_unit, it.topic, it.language, it.pool
    calls = select(it.unit, func.min(it.held_until), *alike, func.count()).where(held).group_by(it.unit, *alike)
    return union_all(calls, seats_held_query(units))


_RUNNING: Final = Listed(_running, seat_leases.c.unit.type, seat_leases)


def add_handoff(tx: Connection, handoff: Handoff, context: Sequence[ContextItem]) -> None:
    """Keep a handoff that was just placed, with its steps and, unless it is over, its context."""
    row = call_values(handoff.call, handoff.from_unit) | changing(handoff)
    row |= {"id": handoff.call.id, "placed_at": handoff.steps[0].at, "context_sha256": handoff.context_sha256}
    row |= {"placed_by": handoff.placed_by, "came_by": handoff.came_by}
    row["route"] = route_to_wire(handoff.route).SerializeToString() if handoff.route else b""
    row["context"] = [] if _is_over(handoff) else [list(item) for item in context]
    insert_later(tx, handoffs, protect(tx, handoffs, row))
    add_steps(tx, handoff.call.id, handoff.steps)
    note(tx, CHANGED, handoff.call.id)


def save_handoff(tx: Connection, handoff: Handoff, steps: Iterable[object]) -> None:
    """Keep a handoff as it is now and the steps that led there; the context goes when it is over."""
    values = changing(handoff) | ({"context": []} if _is_over(handoff) else {})
    _HANDOFF.change(tx, values, handoff.call.id)
    add_steps(tx, handoff.call.id, [step for step in steps if isinstance(step, Step)])
    note(tx, CHANGED, handoff.call.id)


def load_handoff(tx: Connection, handoff_id: str) -> Handoff | None:
    """A handoff of this node with its steps, or None."""
    row = next(iter(_HANDOFF.find(tx, handoff_id)), None)
    return _handoff(row, tuple(map(_step, _STEPS.find(tx, handoff_id)))) if row else None


def kept(tx: Connection, handoff_ids: Collection[str]) -> set[str]:
    """Those of these ids under which this node has a handoff."""
    return {handoff_id for handoff_id, _ in _FROM.tuples(tx, handoff_ids)}


def find_by_offer(tx: Connection, offer_id: str) -> Handoff | None:
    """The handoff whose present offer this is, or None."""
    handoff = load_handoff(tx, offer_id.rpartition(".")[0])
    return handoff if handoff and handoff.offer_id == offer_id else None


def load_context(tx: Connection, handoff_id: str) -> tuple[ContextItem, ...]:
    """What the caller told, as kept at the origin."""
    row = next(iter(_TOLD.dicts(tx, id=handoff_id)), None)
    return _context(tx, handoffs, row) if row else ()


def list_handoffs(tx: Connection, state: HandoffState | None, limit: int) -> list[Handoff]:
    """Handoffs of this node, the newest first; those in one state if given."""
    query = select(handoffs).order_by(handoffs.c.placed_at.desc(), handoffs.c.id).limit(limit)
    return _loaded(tx, query.where(handoffs.c.state == state.value) if state else query)


def overdue_handoffs(tx: Connection, now: datetime, limit: int) -> list[Handoff]:
    """Handoffs that were accepted and whose seat is no longer held: they were never put through."""
    late = (handoffs.c.state == HandoffState.ACCEPTED.value) & (handoffs.c.held_until <= now)
    return _loaded(tx, select(handoffs).where(late).order_by(handoffs.c.id).limit(limit))


def unsettled_handoffs(tx: Connection, before: datetime, limit: int) -> list[Handoff]:
    """Handoffs that nobody took, placed before that time, whose last resort was never carried out."""
    left = (handoffs.c.state == HandoffState.LAST_RESORT.value) & (handoffs.c.placed_at < before)
    return _loaded(tx, select(handoffs).where(left).order_by(handoffs.c.id).limit(limit))


def load_lease(tx: Connection, from_member: str, offer_id: str) -> Lease | None:
    """The seat leased for an offer, or None."""
    return next(map(_lease, _LEASE.find(tx, from_member, offer_id)), None)


def load_leases(tx: Connection, handoff_ids: Collection[str]) -> list[Lease]:
    """The seats that were ever leased for these handoffs of others."""
    return list(map(_lease, _LEASES.dicts(tx, handoff_ids)))


def running_leases(tx: Connection, unit: str, now: datetime) -> list[Taken]:
    """The seats that calls and callbacks of a unit hold at that time; who handed a call on is what its member said."""
    return running_by_unit(tx, [unit], now)[unit]


def running_by_unit(tx: Connection, units: Collection[str], now: datetime) -> dict[str, list[Taken]]:
    """The same of several units."""
    running: dict[str, list[Taken]] = {unit: [] for unit in units}
    for unit, *seat in _RUNNING.tuples(tx, units, now=now):
        running[unit].append(Taken(*seat))
    return running


def add_lease(tx: Connection, lease: Lease, visits: bytes = b"") -> None:
    """Keep a lease that is new, with where its call was, signed, for the case that it goes on from here."""
    offer = lease.offer
    row = call_values(offer.call, offer.from_unit) | _standing(lease) | {"context": [], "visits": visits or None}
    row |= {"from_member": offer.from_member, "offer_id": offer.id, "handoff_id": offer.call.id, "unit": offer.unit}
    row |= {"expires_at": offer.expires_at, "target": lease.target, "accepted_at": lease.accepted_at, "priority": offer.call.priority}
    row |= {"pool": lease.pool, "slot": lease.slot, "context_sha256": offer.context_sha256}
    insert_later(tx, seat_leases, row)
    note(tx, CHANGED, offer.call.id)


def save_lease(tx: Connection, lease: Lease) -> None:
    """Keep a lease as it is now; the context goes when it is over."""
    offer = lease.offer
    changed = _standing(lease) | ({} if lease.state in HOLDS_SEAT else {"context": []})
    _LEASE.change(tx, changed, offer.from_member, offer.id)
    note(tx, CHANGED, offer.call.id)


def load_visits(tx: Connection, lease: Lease) -> bytes:
    """Where the call was, as kept."""
    rows = _LEASE.find(tx, lease.offer.from_member, lease.offer.id)
    return rows[0]["visits"] or b"" if rows else b""


def handed_on(tx: Connection, handoff_ids: Collection[str]) -> set[tuple[str, str]]:
    """Of calls that began with these handoffs, those that units of ours have handed on: by id and unit."""
    return {(handoff_id, unit) for handoff_id, unit in _FROM.tuples(tx, handoff_ids)}


def save_lease_context(tx: Connection, lease: Lease, context: Sequence[ContextItem]) -> None:
    """Keep what the origin gave us to know."""
    told = {"context": [list(item) for item in context]}
    kept = protect(tx, seat_leases, told, from_member=lease.offer.from_member, offer_id=lease.offer.id)
    _LEASE.change(tx, kept, lease.offer.from_member, lease.offer.id)


def load_incoming(tx: Connection, handoff_id: str) -> tuple[Lease, tuple[ContextItem, ...]] | None:
    """The newest lease of an incoming handoff with its context, or None."""
    row = next(iter(_INCOMING.find(tx, handoff_id)), None)
    return (_lease(row), _context(tx, seat_leases, row)) if row else None


def list_leases(tx: Connection, state: HandoffState | None, limit: int) -> list[Lease]:
    """Incoming handoffs, the newest first; those in one state if given."""
    query = select(seat_leases).order_by(seat_leases.c.accepted_at.desc(), seat_leases.c.offer_id).limit(limit)
    rows = tx.execute(query.where(seat_leases.c.state == state.value) if state else query).mappings()
    return [_lease(row) for row in rows]


def known_handoffs(tx: Connection, ids: Sequence[str]) -> tuple[list[Handoff], list[Lease]]:
    """Handoffs of these ids as their origin and as the accepting node knows them."""
    outgoing = _loaded(tx, select(handoffs).where(handoffs.c.id.in_(ids)))
    return outgoing, [_lease(row) for row in tx.execute(select(seat_leases).where(seat_leases.c.handoff_id.in_(ids))).mappings()]


def open_handoffs(tx: Connection, holder: str, now: datetime, since: datetime) -> tuple[list[Handoff], list[Lease]]:
    """What a desktop has to know when it comes: what `holder` placed since then, and every call that holds a seat."""
    done = HandoffState.COMPLETED.value
    own = (handoffs.c.placed_by == holder) & (handoffs.c.placed_at >= since) & (handoffs.c.state != done)
    outgoing = _loaded(tx, select(handoffs).where(own).order_by(handoffs.c.placed_at.desc()).limit(OWN_MAX))
    held = (seat_leases.c.held_until > now) & seat_leases.c.state.in_(_SEAT_STATES)
    return outgoing, [_lease(row) for row in tx.execute(select(seat_leases).where(held)).mappings()]


def _context(tx: Connection, table: Table, row: Row) -> tuple[ContextItem, ...]:
    return tuple(ContextItem(*item) for item in reveal(tx, table, row)["context"])


def _is_over(handoff: Handoff) -> bool:
    """Whether nobody needs its context any more: a case has its own words."""
    by_case = handoff.last_resort is not None and handoff.last_resort.kind is LastResortKind.CASE
    if kept_until(handoff):
        return False
    return not STEPS[handoff.state] or (handoff.state is HandoffState.SETTLED and by_case)


def call_values(call: Call, from_unit: str) -> dict[str, Any]:
    """The columns of a call."""
    return {
        "from_unit": from_unit,
        "region": call.region,
        "caller_region": call.caller_region,
        "topic": call.topic,
        "language": call.language,
        "visited": list(call.visited),
    }


def changing(handoff: Handoff) -> dict[str, Any]:
    """The columns that change with the steps of a handoff."""
    return {
        "state": handoff.state.value,
        "unit": handoff.unit,
        "member": handoff.member,
        "offer_id": handoff.offer_id,
        "target": handoff.target,
        "reason": handoff.reason,
        "last_resort": handoff.last_resort.kind.value if handoff.last_resort else "",
        "held_until": handoff.held_until,
        "context_until": kept_until(handoff),
    }


def _standing(lease: Lease) -> dict[str, Any]:
    return {"state": lease.state.value, "held_until": lease.held_until, "taken_by": lease.taken_by}


def add_steps(tx: Connection, handoff_id: str, steps: Sequence[Step]) -> None:
    """Keep steps of a handoff."""
    rows = [
        {
            "handoff_id": handoff_id,
            "number": step.number,
            "state": step.state.value,
            "unit": step.unit,
            "reason": step.reason,
            "at": step.at,
        }
        for step in steps
    ]
    for row in rows:
        insert_later(tx, handoff_steps, row)


def _loaded(tx: Connection, query: Select[Any]) -> list[Handoff]:
    settle_rows(tx, handoffs, handoff_steps)
    rows = list(tx.execute(query).mappings())
    steps: dict[str, list[Step]] = {row["id"]: [] for row in rows}
    query = select(handoff_steps).where(handoff_steps.c.handoff_id.in_(steps)).order_by(handoff_steps.c.number)
    for step in tx.execute(query) if rows else ():
        steps[step.handoff_id].append(_step(step._mapping))
    return [_handoff(row, tuple(steps[row["id"]])) for row in rows]


def _step(row: Row) -> Step:
    return Step(row["number"], HandoffState(row["state"]), row["unit"], row["reason"], row["at"])


def _call(row: Row, call_id: str) -> Call:
    return Call(call_id, row["region"], row["caller_region"], row["topic"], row["language"], tuple(row["visited"]))


def _handoff(row: Row, steps: tuple[Step, ...]) -> Handoff:
    route = route_from_wire(routing_pb2.Route.FromString(row["route"])) if row["route"] else None
    return Handoff(
        call=route.call if route else _call(row, row["id"]),
        from_unit=row["from_unit"],
        state=HandoffState(row["state"]),
        unit=row["unit"],
        member=row["member"],
        offer_id=row["offer_id"],
        target=row["target"],
        reason=row["reason"],
        last_resort=LastResort(LastResortKind(row["last_resort"]), row["unit"]) if row["last_resort"] else None,
        held_until=row["held_until"],
        steps=steps,
        context_sha256=row["context_sha256"],
        route=route,
        placed_by=row["placed_by"],
        came_by=row["came_by"],
    )


def _lease(row: Row) -> Lease:
    call = replace(_call(row, row["handoff_id"]), priority=row["priority"])
    offer = Offer(row["offer_id"], call, row["from_unit"], row["from_member"], row["unit"], row["expires_at"], row["context_sha256"])
    state, places = HandoffState(row["state"]), (row["taken_by"], row["pool"], row["slot"])
    return Lease(offer, state, row["target"], row["accepted_at"], row["held_until"], *places)
