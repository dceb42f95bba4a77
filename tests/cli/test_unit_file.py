"""Units from a CSV file: what a row does not say stays, and what cannot be read is named by line and cell."""

from __future__ import annotations

import pytest

from twelve333.api.registration.v1 import registration_pb2
from twelve333.cli.unit_file import parse_units
from twelve333.core.decision import Refused

YIWU = "unit_code,unit_name,level\n330782,义乌市,county\n"


def test_a_county_under_its_province_is_counted_like_a_prefecture() -> None:
    assert [entry.unit.level for entry in parse_units(YIWU, "units.csv")] == [registration_pb2.LEVEL_PREFECTURE]


@pytest.mark.parametrize(("said", "kept"), [("", True), ("1", True), ("0", False)])
def test_a_row_that_does_not_say_whether_there_is_a_system_leaves_it(said: str, kept: bool) -> None:
    text = f"unit_code,unit_name,level,with_system\n330782,义乌市,county,{said}\n"
    assert [entry.unit.with_system for entry in parse_units(text, "units.csv", {"330782": True})] == [kept]
    assert [entry.unit.with_system for entry in parse_units(YIWU, "units.csv", {"330782": True})] == [True]


def test_a_wrong_row_is_named_by_line_column_and_cell() -> None:
    with pytest.raises(Refused) as refused:
        parse_units(YIWU + "330900,舟山市,city\n", "units.csv")
    assert refused.value.refusal.params == {"path": "units.csv", "line": "3", "column": "level", "value": "city"}
