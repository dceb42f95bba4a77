"""Times as a person types them, in a flag or a file: without a zone they are Chinese official time."""

from __future__ import annotations

from datetime import date, datetime, time

from ..core.worktime.model import CHINA


def in_china(moment: datetime) -> datetime:
    """The same time; without a zone it is Chinese official time."""
    return moment if moment.tzinfo else moment.replace(tzinfo=CHINA)


def moment_of(text: str, at: time = time()) -> datetime:
    """A moment: ISO 8601, with `T` or a space between day and time.

    Args:
        text: as typed.
        at: the time that a day alone means, its begin if nothing else is said.

    Raises:
        ValueError: it is none.
    """
    text = text.strip()
    try:
        return in_china(datetime.combine(date.fromisoformat(text), at))
    except ValueError:
        return in_china(datetime.fromisoformat(text))
