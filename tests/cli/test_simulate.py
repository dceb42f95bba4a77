"""A day of the country in virtual time: nothing is lost, whatever kind of day it is, and what joins the units shows."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest

from tests.support.federation import cli
from twelve333.catalogue import catalogue
from twelve333.cli.simulate.books import ENDS
from twelve333.cli.simulate.centre import Centre
from twelve333.cli.simulate.country import country
from twelve333.cli.simulate.day import Day
from twelve333.cli.simulate.traffic import Caller, Outage, Scenario, calls_of, year_of_2013
from twelve333.data.resources import topic_codes

DAY = date(2013, 3, 12)
KINDS = {
    "ordinary": Scenario(DAY, load=0.05),
    "asked about elsewhere": Scenario(DAY, load=0.05, elsewhere=1.0),
    "node away": Scenario(DAY, load=0.1, outages=(Outage("440000", 34_200, 41_400),)),
    "alone": Scenario(DAY, load=0.05, joined=False),
    "consultation day": Scenario(date(2013, 3, 30), load=0.1, extra_seats=100),
}


def played(scenario: Scenario) -> Day:
    snapshot = country(scenario)
    day = Day(snapshot, scenario, calls_of(scenario, snapshot.units.values(), sorted(topic_codes())))
    for _ in day.run():
        assert all(len(centre.talking) <= centre.seats for centre in day.centres.values())
    return day


@pytest.mark.parametrize("kind", KINDS)
def test_every_call_of_the_day_is_accounted_for(kind: str) -> None:
    day = played(KINDS[kind])
    assert day.lost == 0
    assert sum(book.calls for book in day.books.values()) > 5_000
    assert sum(book.by_others for book in day.books.values()) == sum(book.for_others for book in day.books.values())
    assert not any(centre.talking or centre.next_waiting() for centre in day.centres.values())


def test_a_call_that_nobody_speaks_of_again_is_reported_as_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    forgotten = list[int]()

    def forgets(day: Day, centre: Centre, caller: Caller, elsewhere: bool) -> None:
        forgotten.append(caller.number)
        del centre.talking[caller.number]

    monkeypatch.setattr(Day, "_said", forgets)
    assert played(KINDS["ordinary"]).lost == len(forgotten) > 0


def test_a_node_that_is_away_costs_no_call_more_than_the_deadline() -> None:
    day = played(KINDS["node away"])
    assert 0.25 <= day.exchange.slowest_s <= 0.8 + 0.25


def test_whoever_was_turned_away_when_units_were_alone_is_answered_when_they_are_joined() -> None:
    alone, joined = played(KINDS["alone"]), played(KINDS["ordinary"])
    assert sum(book.turned_away for book in alone.books.values()) > 0
    assert sum(book.turned_away for book in joined.books.values()) == 0
    assert sum(book.by_others for book in joined.books.values()) > 0


def test_the_traffic_is_that_of_table_3() -> None:
    years, day = year_of_2013(), played(KINDS["ordinary"])
    assert "540000" not in years  # not reported is not zero
    for code in ("440000", "320000", "310000"):
        assert day.books[code].calls == pytest.approx(years[code].calls / 7300, rel=0.15)
        assert day.books[code].machine / day.books[code].calls == pytest.approx(years[code].machine / years[code].calls, abs=0.05)


def test_the_same_seed_is_the_same_day() -> None:
    one, again, other = (day("--seed", seed) for seed in (7, 7, 8))
    assert one == again and one["country"] != other["country"] and one["lost"] == 0


def test_what_is_no_outage_and_no_load_is_named() -> None:
    assert "CLI_SIMULATE_AWAY_MALFORMED" in cli("simulate", "day", "--away", "99@10:00-11:00").err
    told = cli("simulate", "day", "--load", 0)
    assert told.code == 2 and "CLI_SIMULATE_OUT_OF_RANGE" in told.err


def test_a_day_is_told_in_the_readers_language_with_every_end_of_a_call() -> None:
    told = cli("simulate", "day", "--load", 0.02, env={"TWELVE333_LOCALE": "zh"})
    assert told.code == 0 and "个来电 = 自动应答" in told.out and "丢失：0" in told.out
    assert set(ENDS) < catalogue.placeholders("CLI_SIMULATED_BOOKS", "zh")


def day(*options: object) -> dict[str, Any]:
    told = cli("simulate", "day", "--load", 0.02, *options, "--json")
    assert told.code == 0, told.err
    result = json.loads(told.out)
    assert isinstance(result, dict)
    return result
