"""What was searched for in the provinces, as their nodes told it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Final

from sqlalchemy import Column, Connection, Date, Integer, Table, Text, delete, func, insert, select

from twelve333.core.library.demand import DESK_DAYS_MIN, Demand, TermDemand, told

from .metadata import metadata

KEPT_DAYS: Final = 90
_ALL: Final = ""  # the row of all searches of a day

table = Table(
    "library_demand",
    metadata,
    Column("member", Text, primary_key=True),
    Column("day", Date, primary_key=True),
    Column("term", Text, primary_key=True),  # empty for all searches
    Column("searches", Integer, nullable=False),
    Column("without_hits", Integer, nullable=False),
)


def keep(tx: Connection, member: str, day: date, demand: Demand) -> None:
    """Keep what a node told of a day, instead of what it told of it before; forget what is old."""
    c = table.c
    tx.execute(delete(table).where(c.member == member, c.day == day))
    tx.execute(delete(table).where(c.day < day - timedelta(days=KEPT_DAYS)))
    rows: Iterable[TermDemand] = (TermDemand(_ALL, demand.searches, demand.without_hits), *demand.terms)
    values = [{"member": member, "day": day, "term": r.term, "searches": r.searches, "without_hits": r.without_hits} for r in rows]
    tx.execute(insert(table), values)


def listing(tx: Connection, since: date, without_hits: bool, limit: int) -> Demand:
    """The words of all provinces since a day; what came here had passed the threshold at its node."""
    c = table.c
    rows = tx.execute(select(c.term, func.sum(c.searches), func.sum(c.without_hits)).where(c.day >= since).group_by(c.term)).all()
    sums = {term: TermDemand(term, int(searches), int(without)) for term, searches, without in rows}
    everything = sums.pop(_ALL, TermDemand(_ALL, 0, 0))
    shown = told(((one, DESK_DAYS_MIN) for one in sums.values()), without_hits=without_hits, limit=limit)
    return Demand(shown, everything.searches, everything.without_hits)
