"""The tables that come with the project: the 366 units, the national figures of 2013 as printed, and what is derived from them."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from importlib.resources import files

from twelve333.core.coverage.model import ALL_TOPICS, ALWAYS, Declaration
from twelve333.core.ids import province_of
from twelve333.core.registration.model import Level, Unit, UnitStatus

HARBIN = "230100"
HEILONGJIANG = "230000"
XINJIANG = "650000"


def table(name: str) -> list[dict[str, str]]:
    """The rows of a table as printed, by column; an empty cell was not reported and is never 0.

    Args:
        name: `units_2013`, `province_codes`, `table1_coverage`, `table3_calls` or `table5_staffing`.
    """
    text = files(__name__).joinpath(f"{name}.csv").read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


def provinces() -> dict[str, str]:
    """The 32 reporting bodies: code -> short name (350000 -> 福建)."""
    return {row["gbt2260_code"]: row["province"] for row in table("province_codes")}


def units_2013() -> list[Unit]:
    """The 366 units as they stood at the end of 2013, in the order of their codes.

    How many units of a province are open, and how many of those use a consulting system, is published (table 1); which ones is
    not. So the provincial unit comes first and then the lowest codes: an assumption, good enough for totals per province. One is
    known: 哈尔滨 (230100) is the one open unit of 黑龙江. A unit that is not open stands as planned.
    """
    counts = {row["province"]: (int(row["prefectures_open"]), int(row["prefectures_with_system"])) for row in table("table1_coverage")}
    rows: dict[str, list[Mapping[str, str]]] = {}
    for row in table("units_2013"):
        rows.setdefault(row["province_name"], []).append(row)
    units = [unit for name, members in rows.items() for unit in _units_of(members, *counts[name])]
    return sorted(units, key=lambda unit: unit.code)


def declarations_2013() -> list[Declaration]:
    """What the open units could have declared, so that calls can be routed among them.

    Made up where nothing is published, and said so: each answers for its own area, all topics, day and night (an answering machine
    runs all the year), in Chinese, in 新疆 also in Uyghur; the seats of a province (table 5; one if not reported) are shared among
    its open units, at least one each; a message can be left at the provincial unit, in 黑龙江 at the one open unit; the target is a
    name in its province's network.
    """
    open_units = [unit for unit in units_2013() if unit.status is UnitStatus.OPEN]
    seats = {row["province"]: int(row["seats"] or 0) for row in table("table5_staffing")}
    names = provinces()
    count = {code: sum(unit.province == code for unit in open_units) for code in names}
    return [_declaration(unit, max(1, seats[names[unit.province]] // count[unit.province])) for unit in open_units]


def _units_of(rows: list[Mapping[str, str]], open_count: int, system_count: int) -> Iterator[Unit]:
    for rank, row in enumerate(sorted(rows, key=_opening_order)):
        # 义乌 and 济源 are counted like prefectures, so they are units of that level.
        code, level = row["unit_code"], Level.PROVINCE if row["level"] == Level.PROVINCE else Level.PREFECTURE
        yield Unit(
            code=code,
            name=row["unit_name"],
            province=row["province_code"],
            parent="" if level is Level.PROVINCE else row["province_code"],
            level=level,
            member=row["province_code"],
            status=UnitStatus.OPEN if rank < open_count else UnitStatus.PLANNED,
            with_system=rank < system_count,
        )


def _opening_order(row: Mapping[str, str]) -> tuple[bool, str]:
    first = HARBIN if row["province_code"] == HEILONGJIANG else row["province_code"]
    return (row["unit_code"] != first, row["unit_code"])


def _declaration(unit: Unit, seats: int) -> Declaration:
    return Declaration(
        unit=unit.code,
        areas=(unit.code,),
        topics=(ALL_TOPICS,),
        languages=("zh", "ug") if province_of(unit.code) == XINJIANG else ("zh",),
        hours=ALWAYS,
        seats=seats,
        target=f"sip:12333@{unit.code}.{unit.province}.12333.internal",
        voicemail=unit.level is Level.PROVINCE or unit.code == HARBIN,
    )
