"""The counts of the national coverage table, recomputed from the units."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

from twelve333.core.coverage.declaring import check
from twelve333.core.coverage.report import Lack, Targets, percent, report
from twelve333.core.registration.model import UnitStatus
from twelve333.data import declarations_2013, provinces, table, units_2013
from twelve333.testing.directory import a_unit


def test_the_units_of_2013_reproduce_the_totals_of_table_1() -> None:
    counted = report(units_2013())
    assert (counted.total.units, counted.total.open, counted.total.with_system) == (366, 319, 267)
    assert (counted.total.open_pct, counted.total.with_system_pct) == (Decimal("87.2"), Decimal("83.7"))
    assert (counted.short_of_open, counted.short_of_with_system) == (21, 33)


def test_the_units_of_2013_reproduce_every_province_of_table_1() -> None:
    names = provinces()
    counted = {names[line.province]: (line.units, line.open, line.with_system) for line in report(units_2013()).provinces}
    printed = {
        row["province"]: (int(row["prefectures"]), int(row["prefectures_open"]), int(row["prefectures_with_system"]))
        for row in table("table1_coverage")
        if row["province"] != "合计"
    }
    assert counted == printed


def test_harbin_is_the_one_open_unit_of_heilongjiang() -> None:
    units = [unit for unit in units_2013() if unit.province == "230000"]
    assert [unit.code for unit in units if unit.status is UnitStatus.OPEN] == ["230100"]


def test_the_report_names_who_is_not_open() -> None:
    lines = {line.province: line for line in report(units_2013()).provinces}
    assert len(lines["450000"].not_open) == 12
    assert "230000" in lines["230000"].not_open


def test_the_report_names_each_unit_that_is_missing_to_a_target_and_what_it_lacks() -> None:
    missing = report(units_2013()).missing
    assert [each.code for each in missing] == sorted(each.code for each in missing)
    assert Counter(each.lack for each in missing) == {Lack.OPENING: 366 - 319, Lack.SYSTEM: 319 - 267}
    assert Counter(each.province for each in missing if each.lack is Lack.SYSTEM)["510000"] == 15
    stages = (UnitStatus.REGISTERED, UnitStatus.SUSPENDED, UnitStatus.CLOSED)
    units = [a_unit(f"35{number}00", status=status) for number, status in enumerate(stages, 10)]
    silent = replace(a_unit("350900"), silent_since=datetime(2026, 1, 1, tzinfo=UTC))
    assert [each.lack for each in report([*units, silent]).missing] == [Lack.SILENT, Lack.OPENING, Lack.SUSPENDED, Lack.CLOSED]


def test_a_system_counts_only_in_an_open_unit() -> None:
    counted = report([a_unit("350000"), a_unit("350100", status=UnitStatus.SUSPENDED)])
    assert (counted.total.open, counted.total.with_system) == (1, 1)


def test_a_share_of_nothing_is_absent() -> None:
    counted = report([a_unit("350100", status=UnitStatus.PLANNED)])
    assert counted.total.open_pct == Decimal("0.0")
    assert counted.total.with_system_pct is None
    assert report([]).total.open_pct is None


def test_shares_are_rounded_half_up_in_decimals() -> None:
    assert percent(1, 16) == Decimal("6.3")  # 6.25
    assert percent(1, 8) == Decimal("12.5")


def test_a_target_that_is_reached_leaves_nothing_short() -> None:
    counted = report(units_2013(), Targets(open=300, with_system=267))
    assert (counted.short_of_open, counted.short_of_with_system) == (0, 0)


def test_the_declarations_of_2013_are_sound_and_of_open_units_only() -> None:
    units = units_2013()
    codes = {unit.code for unit in units}
    declarations = declarations_2013()
    assert len(declarations) == 319
    assert all(check(declaration, declaration.unit, codes) is None for declaration in declarations)
