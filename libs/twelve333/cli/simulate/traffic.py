"""Who rings when: a day of the country by table 3 (calls of 2013 by province), from one seed.

Published: calls a year, how many the machine answered, how many gave up. Made up, and said so: an even share a day, the hours below, who
rings in which city (evenly), how many ask about somewhere else, how long people talk and wait.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, time
from random import Random
from typing import Final

from ...core.registration.model import Unit
from ...data import provinces, table

DAYS_A_YEAR: Final = 365
HOUR_S: Final = 3600.0
DAY_S: Final = 24 * HOUR_S
TALK_S: Final = 180.0
PATIENCE_S: Final = 90.0
# Share of a day's calls by hour: offices are asked in office hours, most before noon.
HOURS: Final = (0.2, 0.1, 0.1, 0.1, 0.2, 0.4, 1.0, 2.5, 9.0, 14.0, 13.5, 9.5, 4.5, 5.5, 10.5, 11.0, 8.5, 4.0, 2.0, 1.3, 1.0, 0.6, 0.3, 0.2)


@dataclass(frozen=True, slots=True)
class Year:
    """What table 3 prints of a province for a year, in calls.

    Args:
        calls: offered.
        machine: answered by the machine (IVR).
        abandoned: given up by the caller.
    """

    calls: float
    machine: float
    abandoned: float


@dataclass(frozen=True, slots=True)
class Outage:
    """A province's node is away; its own telephones go on. Seconds of the day."""

    province: str
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class Scenario:
    """What kind of day it is.

    Args:
        day: the date, for opening hours.
        load: times the calls of an even day.
        elsewhere: share of those who ask about another place than they ring from.
        extra_seats: consultants more than usual in the whole country, shared out by load.
        outages: nodes that are away for a while.
        joined: whether calls are handed on at all; otherwise every unit is alone, as before.
        seed: the same seed, the same day.
    """

    day: date
    load: float = 1.0
    elsewhere: float = 0.05
    extra_seats: int = 0
    outages: tuple[Outage, ...] = ()
    joined: bool = True
    seed: int = 12333

    def is_away(self, province: str, second: float) -> bool:
        """Whether a province's node is away at a second of the day."""
        return any(each.province == province and each.start_s <= second < each.end_s for each in self.outages)


@dataclass(slots=True)
class Caller:
    """One call: when, from which unit's area, about which, how long he would wait and talk. Nothing personal."""

    number: int
    at: float
    unit: str
    region: str
    topic: str
    patience: float
    talk: float
    gone: bool = field(default=False)


def year_of_2013() -> Mapping[str, Year]:
    """Table 3 by province code; provinces that did not report are left out."""
    codes = {name: code for code, name in provinces().items()}
    rows = {codes[row["province"]]: row for row in table("table3_calls") if row["province"] in codes and row["calls_total_10k"]}
    return {
        code: Year(*(_calls(row[name]) for name in ("calls_total_10k", "answered_ivr_10k", "abandoned_10k"))) for code, row in rows.items()
    }


def calls_of(scenario: Scenario, units: Iterable[Unit], topics: Iterable[str]) -> Iterator[Caller | str]:
    """The day's calls in the order in which they come; one that the machine answers is only its province's code.

    Args:
        scenario: what kind of day.
        units: all of the country; each is as likely to be rung from as any other of its province.
        topics: classification codes, as likely as each other.
    """
    chance, known = Random(scenario.seed), list(topics)
    places: dict[str, list[str]] = {}
    for each in units:
        places.setdefault(each.province, []).append(each.code)
    years = {code: year for code, year in year_of_2013().items() if code in places}
    share = sum(HOURS)
    for hour, weight in enumerate(HOURS):
        coming = list[tuple[float, str]]()
        for code, year in years.items():
            coming += ((at, code) for at in _poisson(year.calls * scenario.load / DAYS_A_YEAR * weight / share, chance))
        for at, province in sorted(coming):
            if chance.random() < years[province].machine / years[province].calls:
                yield province
                continue
            asked_in = places[_somewhere(years, chance)] if chance.random() < scenario.elsewhere else None
            unit = chance.choice(places[province])
            region = chance.choice(asked_in) if asked_in else unit
            wait, talk = chance.expovariate(1 / PATIENCE_S), chance.expovariate(1 / TALK_S)
            yield Caller(0, (hour + at) * HOUR_S, unit, region, chance.choice(known), wait, talk)


def second_of(clock: time) -> float:
    """The second of the day."""
    return clock.hour * HOUR_S + clock.minute * 60.0 + clock.second


def _poisson(expected: float, chance: Random) -> Iterator[float]:
    """Moments of an hour, as shares of it, at which so many calls come on average."""
    at = chance.expovariate(expected) if expected > 0 else 1.0
    while at < 1.0:
        yield at
        at += chance.expovariate(expected)


def _somewhere(years: Mapping[str, Year], chance: Random) -> str:
    """A province, as likely as it is rung."""
    return chance.choices(list(years), [year.calls for year in years.values()])[0]


def _calls(in_10k: str) -> float:
    return float(in_10k or 0) * 10_000
