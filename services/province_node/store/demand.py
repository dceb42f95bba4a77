"""Counts of what was searched for: per day and word, by desks that only a salt of that day tells apart.

The salt of a day makes desks of different days unlinkable; it and the desks' marks are deleted when the window is over.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta

from sqlalchemy import Column, Connection, Date, Integer, LargeBinary, Table, Text, delete, func, insert, select, update

from twelve333.adapters.sql import UtcDateTime
from twelve333.core.library.demand import WINDOW_DAYS, Demand, TermDemand, told

from .metadata import metadata

days_table = Table(
    "library_demand_days",
    metadata,
    Column("day", Date, primary_key=True),
    Column("salt", LargeBinary, nullable=False),
    Column("searches", Integer, nullable=False),
    Column("without_hits", Integer, nullable=False),
    Column("told_at", UtcDateTime, nullable=True),
)
terms_table = Table(
    "library_demand_terms",
    metadata,
    Column("day", Date, primary_key=True),
    Column("term", Text, primary_key=True),
    Column("desk", Text, primary_key=True),
    Column("searches", Integer, nullable=False),
    Column("without_hits", Integer, nullable=False),
)


def count(tx: Connection, day: date, salt: bytes, total: tuple[int, int], terms: Mapping[tuple[str, str], tuple[int, int]]) -> None:
    """Add counts of one day.

    Args:
        tx: the unit of work.
        day: in Beijing.
        salt: for a day that has none yet.
        total: searches, and those without a hit.
        terms: the same for each word and desk.
    """
    d, t = days_table.c, terms_table.c
    row = tx.execute(select(d.salt).where(d.day == day)).one_or_none()
    if row is None:
        tx.execute(insert(days_table).values(day=day, salt=salt, searches=total[0], without_hits=total[1]))
    else:
        sums = {"searches": d.searches + total[0], "without_hits": d.without_hits + total[1]}
        tx.execute(update(days_table).where(d.day == day).values(sums))
    key = bytes(row.salt) if row else salt
    for (term, desk), (searches, without) in terms.items():
        mark = hmac.new(key, desk.encode(), hashlib.sha256).hexdigest()[:16]
        at = (t.day == day) & (t.term == term) & (t.desk == mark)
        more = {"searches": t.searches + searches, "without_hits": t.without_hits + without}
        if tx.execute(update(terms_table).where(at).values(more)).rowcount == 0:
            tx.execute(insert(terms_table).values(day=day, term=term, desk=mark, searches=searches, without_hits=without))


def untold(tx: Connection, today: date) -> list[date]:
    """The days that are over and were not told yet."""
    d = days_table.c
    return list(tx.execute(select(d.day).where(d.day < today, d.told_at.is_(None)).order_by(d.day)).scalars())


def of_day(tx: Connection, day: date, limit: int) -> Demand:
    """What may be told of one day: words that enough desks used within the window that ends with it."""
    windowed = dict(_desk_days(tx, day - timedelta(days=WINDOW_DAYS - 1), day))
    t = terms_table.c
    rows = tx.execute(select(t.term, func.sum(t.searches), func.sum(t.without_hits)).where(t.day == day).group_by(t.term)).all()
    terms = [(TermDemand(term, int(searches), int(without)), windowed.get(term, 0)) for term, searches, without in rows]
    return Demand(told(terms, without_hits=False, limit=limit), *_totals(tx, day, day))


def listing(tx: Connection, since: date, without_hits: bool, limit: int) -> Demand:
    """What may be shown here since a day, not longer ago than the window."""
    t = terms_table.c
    sums = select(t.term, func.sum(t.searches), func.sum(t.without_hits), func.count()).where(t.day >= since).group_by(t.term)
    terms = [(TermDemand(term, int(searches), int(without)), count) for term, searches, without, count in tx.execute(sums)]
    return Demand(told(terms, without_hits=without_hits, limit=limit), *_totals(tx, since, date.max))


def close(tx: Connection, day: date, now: datetime) -> None:
    """Note that a day was told, and forget all that is older than the window."""
    tx.execute(update(days_table).where(days_table.c.day == day).values(told_at=now))
    old = day - timedelta(days=WINDOW_DAYS - 1)
    tx.execute(delete(terms_table).where(terms_table.c.day < old))
    tx.execute(delete(days_table).where(days_table.c.day < old, days_table.c.told_at.is_not(None)))


def _desk_days(tx: Connection, since: date, until: date) -> Iterable[tuple[str, int]]:
    t = terms_table.c
    rows = tx.execute(select(t.term, func.count()).where(t.day >= since, t.day <= until).group_by(t.term))
    return [(term, int(desk_days)) for term, desk_days in rows]


def _totals(tx: Connection, since: date, until: date) -> tuple[int, int]:
    d = days_table.c
    row = tx.execute(select(func.sum(d.searches), func.sum(d.without_hits)).where(d.day >= since, d.day <= until)).one()
    return int(row[0] or 0), int(row[1] or 0)
