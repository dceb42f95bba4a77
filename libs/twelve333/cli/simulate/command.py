"""`twelve333 simulate day`: options to a scenario, the day played, a table of what became of every call."""

from __future__ import annotations

import re
from datetime import date, time
from threading import Event
from typing import Final, Literal

from cyclopts import App

from ...core.decision import Code, Kind, Refused, refuse
from ...data import provinces
from ...data.resources import topic_codes
from ..common import Common
from ..output import console
from .country import country
from .day import Day
from .show import progress, result
from .traffic import Outage, Scenario, calls_of, second_of

CONSULTATION_DAY: Final = (3, 30)  # the national consultation day, with about 100 further expert lines
CONSULTATION_LOAD, CONSULTATION_SEATS = 2.0, 100
BUSIEST: Final = "440000"
AWAY_MALFORMED: Final = Code("CLI_SIMULATE_AWAY_MALFORMED", Kind.INVALID)
OUT_OF_RANGE: Final = Code("CLI_SIMULATE_OUT_OF_RANGE", Kind.INVALID)
QUARTER_S: Final = 900.0
LOAD_MAX: Final = 100.0
_OUTAGE: Final = re.compile(r"(\d{6})@(\d\d:\d\d)-(\d\d:\d\d)", re.ASCII)

app = App(
    name="simulate",
    help="The country's calls in virtual time, on the production rules of routing, seats and callbacks. Connects to nobody.",
)


@app.command
def day(
    *,
    on: date = date(2013, 3, 12),
    scenario: Literal["ordinary", "consultation-day", "outage"] = "ordinary",
    load: float = 1.0,
    elsewhere: float = 0.05,
    away: tuple[str, ...] = (),
    alone: bool = False,
    speed: float = 0.0,
    seed: int = 12333,
    common: Common = Common(),
) -> int:
    """Replay a day of the country's traffic by table 3 (2013) over the 32 provinces, and say what became of every call.

    Args:
        on: the date, for opening hours and holidays.
        scenario: `consultation-day` is 30 March with twice the calls and 100 further consultants; `outage` takes Guangdong's node away
            from 09:30 to 11:30.
        load: times the calls of an even day.
        elsewhere: share of callers who ask about another place than they ring from, 0 to 1.
        away: a node that is away for a while, e.g. `320000@10:00-11:30`; may be given several times.
        alone: hand nothing on: every unit answers for itself, as before there was a federation.
        speed: virtual seconds a second, e.g. 3600 for a day in 24 s; 0: as fast as it can.
        seed: the same seed, the same day.
    """
    if not (0 < load <= LOAD_MAX and 0 <= elsewhere <= 1 and speed >= 0):
        raise Refused(refuse(OUT_OF_RANGE, most=int(LOAD_MAX)))
    planned = _scenario(scenario, on, load, elsewhere, [_outage(each) for each in away], joined=not alone, seed=seed)
    snapshot = country(planned)
    played = Day(snapshot, planned, calls_of(planned, snapshot.units.values(), sorted(topic_codes())))
    pace = Event()
    for _ in progress(played, quiet=common.json or not console.is_terminal):
        if speed > 0:
            pace.wait(QUARTER_S / speed)
    result(played, common)
    return 1 if played.lost else 0


def _scenario(kind: str, on: date, load: float, elsewhere: float, away: list[Outage], *, joined: bool, seed: int) -> Scenario:
    extra = 0
    if kind == "consultation-day":
        on, load, extra = on.replace(month=CONSULTATION_DAY[0], day=CONSULTATION_DAY[1]), load * CONSULTATION_LOAD, CONSULTATION_SEATS
    if kind == "outage":
        away = [*away, Outage(BUSIEST, second_of(time(9, 30)), second_of(time(11, 30)))]
    return Scenario(on, load, elsewhere, extra, tuple(away), joined, seed)


def _outage(text: str) -> Outage:
    found = _OUTAGE.fullmatch(text)
    try:
        if found is None or found[1] not in provinces():
            raise ValueError
        start, end = (second_of(time.fromisoformat(found[number])) for number in (2, 3))
    except ValueError as error:
        raise Refused(refuse(AWAY_MALFORMED, value=text)) from error
    return Outage(found[1], start, end)
