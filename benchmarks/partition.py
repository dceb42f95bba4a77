"""How long the proof takes that the country is divided without overlap and without a hole."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import product
from typing import Final

from twelve333.core.coverage.model import DayHours, Declaration, Hours, Season, Span
from twelve333.core.coverage.partition import prove
from twelve333.core.coverage.rules import who_answers
from twelve333.core.coverage.snapshot import Snapshot
from twelve333.data import provinces

from .directories import NOW, snapshot
from .figure import SECONDS, Figure, figure, middle
from .measure import Side, interleave, repeated

SECONDS_MOST: Final = {366: 2.0, 3000: 20.0}
LANGUAGES: Final = ("zh", "ug")
TOPICS: Final = ("", "01", "0401")
HOURS: Final = 24 * 7


async def proofs() -> list[Figure]:
    """`coverage.partition_366`, `_3000`: every region, topic, language and hour proved, beside asking for each who answers."""
    figures = list[Figure]()
    for size, most in SECONDS_MOST.items():
        varied = _varied(snapshot(size))
        taken = await interleave({"proof": _proving(varied), "asking": _asking(varied)})
        cells = len(varied.units) * len(TOPICS) * len(LANGUAGES) * HOURS
        ours = middle([one.seconds / one.count for one in taken["proof"]])
        theirs = middle([one.seconds / one.count * cells for one in taken["asking"]])
        figures.append(figure(f"coverage.partition_{size}", SECONDS, ours, "who answers, cell by cell", theirs, most))
    return figures


def _proving(directory: Snapshot) -> Side:
    units, declarations = list(directory.units.values()), list(directory.declarations.values())
    return repeated(lambda _: prove(units, declarations))


def _asking(directory: Snapshot) -> Side:
    cells = list(product(sorted(directory.units), TOPICS, LANGUAGES))

    def ask(number: int) -> object:
        region, topic, language = cells[number % len(cells)]
        return who_answers(directory, region, topic, language, NOW + timedelta(hours=number % HOURS))

    return repeated(ask)


def _varied(directory: Snapshot) -> Snapshot:
    """The same units with hours of their own: two spans a day, another week in summer, a second language here and there."""
    declared = [_of_its_own(each, number) for number, each in enumerate(directory.declarations.values())]
    return Snapshot.of(1, directory.units.values(), declared, provinces())


def _of_its_own(declared: Declaration, number: int) -> Declaration:
    early = 480 + 10 * (number % 6)
    week, summer = _week(early, early + 540), _week(early - 30, early + 600)
    seasons = (Season((6, 1), (9, 30), summer),) if number % 2 else ()
    return replace(declared, hours=Hours(weekly=week, seasons=seasons, machine=True), languages=LANGUAGES[: 1 + (number % 7 == 0)])


def _week(start: int, end: int) -> tuple[DayHours, ...]:
    return tuple(DayHours(day, (Span(start, 720), Span(780, end))) for day in range(1, 6))
