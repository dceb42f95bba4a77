"""Counts what is searched for at this node, and tells the hub of each day once it is over.

Counts are kept in memory for a minute and then in the database; a crash loses that minute, which is no loss to statistics.
"""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Iterable
from datetime import date
from typing import Final

from sqlalchemy import Connection

from twelve333.adapters.runner import Background
from twelve333.api.library.v1 import demand_pb2 as pb
from twelve333.core.ids import HUB
from twelve333.core.worktime.model import CHINA

from .context import NodeContext
from .store import demand as store

EVERY_SECONDS: Final = 60.0
TERMS_TOLD_MAX: Final = 500
BUFFERED_MAX: Final = 20_000


class DemandCounting:
    """One for a node.

    Args:
        node: its ports.
    """

    def __init__(self, node: NodeContext) -> None:
        self._node = node
        self.background = Background("library demand", self.step, EVERY_SECONDS)
        self._totals: Counter[tuple[date, bool]] = Counter()
        self._terms: Counter[tuple[date, str, str, bool]] = Counter()

    def count(self, desk: str, words: Iterable[str], found: bool) -> None:
        """Count a search; only `words`, which may be counted, are remembered of it."""
        day = self._node.clock().astimezone(CHINA).date()
        self._totals[day, found] += 1
        if len(self._terms) < BUFFERED_MAX:
            self._terms.update((day, word, desk, found) for word in words)

    async def step(self) -> None:
        """Keep what was counted, then tell of days that are over."""
        totals, terms = self._totals, self._terms
        self._totals, self._terms = Counter(), Counter()
        now, today = self._node.clock(), self._node.clock().astimezone(CHINA).date()

        def work(tx: Connection) -> None:
            for day in {day for day, _ in totals}:
                counted: dict[tuple[str, str], tuple[int, int]] = {}
                for (on, word, desk, found), times in terms.items():
                    if on == day:
                        searches, without = counted.get((word, desk), (0, 0))
                        counted[word, desk] = searches + times, without + (0 if found else times)
                total = totals[day, True] + totals[day, False], totals[day, False]
                store.count(tx, day, secrets.token_bytes(16), total, counted)
            for day in store.untold(tx, today):
                found_there = store.of_day(tx, day, TERMS_TOLD_MAX)
                told = [pb.TermDemand(term=one.term, searches=one.searches, without_hits=one.without_hits) for one in found_there.terms]
                message = pb.SearchDemandTold(
                    day=day.isoformat(), searches=found_there.searches, without_hits=found_there.without_hits, terms=told
                )
                self._node.outbox.append(tx, destination=HUB, message=message, now=now)
                store.close(tx, day, now)

        await self._node.database.write(work)
