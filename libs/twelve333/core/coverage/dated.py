"""Changes that are dated ahead: what a unit declares for a day to come holds from 00:00 of that day in Chinese official time; until then
holds what it declared before."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime, time

from ..worktime.model import CHINA
from .model import Declaration


def begins_at(day: date) -> datetime:
    """The first instant of a day in Chinese official time."""
    return datetime.combine(day, time(), CHINA)


def is_ahead(declaration: Declaration, now: datetime) -> bool:
    """Whether a declaration is for a day to come."""
    return declaration.in_force_from is not None and begins_at(declaration.in_force_from) > now


def in_force(present: Mapping[str, Declaration], upcoming: Iterable[Declaration], at: datetime) -> dict[str, Declaration]:
    """The declaration of each unit that holds at a time.

    Args:
        present: what holds until something upcoming begins.
        upcoming: dated declarations, in any order.
        at: aware time.
    """
    begun = [it for it in upcoming if it.in_force_from is not None and not is_ahead(it, at)]
    return dict(present) | {it.unit: it for it in sorted(begun, key=lambda it: it.in_force_from or date.min)}


def next_change(upcoming: Iterable[Declaration], now: datetime) -> datetime | None:
    """When the next of them begins to hold; None if none will."""
    return min((begins_at(it.in_force_from) for it in upcoming if it.in_force_from and is_ahead(it, now)), default=None)
