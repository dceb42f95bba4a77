"""What became of every call of the day, by province; who comes in must come out, or it is said which are lost."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final

ENDS: Final = ("machine", "answered", "by_others", "called_back", "message_heard", "abandoned", "owed", "case", "turned_away")


@dataclass(slots=True)
class Book:
    """Of one province; each call ends in exactly one of the counts after `calls`.

    Args:
        calls: rung from here.
        machine: answered by the machine.
        answered: answered by a consultant of the unit rung.
        by_others: handed on to another unit, and answered there.
        called_back, message_heard: reached later.
        abandoned: hung up in the queue.
        owed: a callback or message still in somebody's line when the day is over.
        case: nobody could take it, or call back: a case was opened at the unit rung.
        turned_away: nobody is open here, or the matter belongs elsewhere, and nothing is handed on.
        for_others: answered here, rung elsewhere; counted there as `by_others`.
        waits: seconds until a consultant spoke, rounded down.
    """

    calls: int = 0
    machine: int = 0
    answered: int = 0
    by_others: int = 0
    called_back: int = 0
    message_heard: int = 0
    abandoned: int = 0
    owed: int = 0
    case: int = 0
    turned_away: int = 0
    for_others: int = 0
    waits: Counter[int] = field(default_factory=Counter)

    @property
    def ended(self) -> int:
        """Calls of which it is known what became of them."""
        return sum(getattr(self, name) for name in ENDS)

    def wait_s(self, share: float) -> int:
        """Seconds within which that share of the answered were answered."""
        left = share * self.waits.total()
        for seconds, count in sorted(self.waits.items()):
            left -= count
            if left <= 0:
                return seconds
        return 0

    def row(self) -> dict[str, Any]:
        """For a table."""
        wanted = self.calls - self.machine
        counts = {name: getattr(self, name) for name in ("calls", *ENDS, "for_others")}
        return {**counts, "abandoned_pct": round(100 * self.abandoned / wanted, 1) if wanted else 0.0, "wait_p95_s": self.wait_s(0.95)}


def total(books: dict[str, Book]) -> Book:
    """The whole country."""
    whole = Book()
    for book in books.values():
        for name in ("calls", *ENDS, "for_others"):
            setattr(whole, name, getattr(whole, name) + getattr(book, name))
        whole.waits.update(book.waits)
    return whole
