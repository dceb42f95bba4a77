"""`twelve333 library hot` and `zero-hits`: what is searched for, and what is not found."""

from __future__ import annotations

from dataclasses import asdict

from .common import Common, Count, connect, titled
from .output import print_json, show

COLUMNS = ("term", "searches", "without_hits")


async def hot(*, days: Count = 7, limit: Count = 20, common: Common = Common()) -> None:
    """Show what is searched for most: single words that stand in the library, once desks have used them on five desk-days.

    Args:
        days: how far back; a node keeps 7, the hub 90.
        limit: words wanted, 1 to 200.
    """
    await _list(days, limit, common, without_hits=False)


async def zero_hits(*, days: Count = 7, limit: Count = 20, common: Common = Common()) -> None:
    """Show the words of searches that found nothing, most of those first.

    Args:
        days: how far back; a node keeps 7, the hub 90.
        limit: words wanted, 1 to 200.
    """
    await _list(days, limit, common, without_hits=True)


async def _list(days: int, limit: int, common: Common, *, without_hits: bool) -> None:
    async with connect(common) as replica:
        found = await replica.library.demand(days=days, without_hits=without_hits, limit=limit)
    rows = [asdict(one) for one in found.terms]
    if common.json:
        print_json({"searches": found.searches, "without_hits": found.without_hits, "terms": rows})
    else:
        show(rows, COLUMNS, as_json=False, title=titled("SEARCHES", common, count=found.searches, without_hits=found.without_hits))
