"""Units from a CSV file: what a row does not say stays, and what cannot be read is named by line and cell."""

from __future__ import annotations

from pathlib import Path

import pytest

from twelve333.api.registration.v1 import registration_pb2
from twelve333.catalogue.catalogue import sentence
from twelve333.cli.common import read_text
from twelve333.cli.unit import TABLE_ENCODINGS
from twelve333.cli.unit_file import parse_units
from twelve333.core.decision import Refusal, Refused

YIWU = "unit_code,unit_name,level\n330782,义乌市,county\n"


def test_a_county_under_its_province_is_counted_like_a_prefecture() -> None:
    assert [entry.unit.level for entry in parse_units(YIWU, "units.csv")] == [registration_pb2.LEVEL_PREFECTURE]


@pytest.mark.parametrize(("said", "kept"), [("", True), ("1", True), ("0", False)])
def test_a_row_that_does_not_say_whether_there_is_a_system_leaves_it(said: str, kept: bool) -> None:
    text = f"unit_code,unit_name,level,with_system\n330782,义乌市,county,{said}\n"
    assert [entry.unit.with_system for entry in parse_units(text, "units.csv", {"330782": True})] == [kept]
    assert [entry.unit.with_system for entry in parse_units(YIWU, "units.csv", {"330782": True})] == [True]


def refusal_of(text: str) -> Refusal:
    with pytest.raises(Refused) as refused:
        parse_units(text, "units.csv")
    return refused.value.refusal


def test_every_wrong_row_is_named_at_once_by_line_column_and_cell() -> None:
    refusal = refusal_of(YIWU + "330900,舟山市,city\n3303,温州市,prefecture\n330400,,prefecture\n330782,义乌市,county\n")
    assert refusal.params == {"path": "units.csv", "count": "4"}
    told = [sentence(each.code.name, each.params, "en") for each in refusal.violations]
    assert told == [
        "line 3, level: “city” cannot be understood",
        "line 4, unit_code: “3303” cannot be understood",
        "line 5, unit_name: “” cannot be understood",
        "line 6: unit 330782 stands in the file twice",
    ]


@pytest.mark.parametrize(
    ("column", "cell"),
    [("with_system", "perhaps"), ("voicemail", "2"), ("hours", "25:00"), ("seats", "-1"), ("seats", "many"), ("status", "up")],
)
def test_a_cell_that_cannot_be_understood_is_never_taken_for_no(column: str, cell: str) -> None:
    text = f"unit_code,unit_name,level,{column}\n330782,义乌市,county,{cell}\n"
    assert [dict(each.params) for each in refusal_of(text).violations] == [{"line": "2", "column": column, "value": cell}]


def test_a_column_that_means_nothing_and_a_cell_without_a_column_are_refused() -> None:
    refusal = refusal_of("unit_code,unit_name,level,tagret\n330782,义乌市,county,tel:12333\n")
    assert (refusal.code.name, refusal.params["columns"]) == ("CLI_UNIT_COLUMNS_UNKNOWN", "tagret")
    assert [each.params["value"] for each in refusal_of(YIWU + "330900,舟山市,prefecture,x\n").violations] == ["x"]


def test_a_file_as_a_chinese_office_program_writes_it_is_read(tmp_path: Path) -> None:
    text = "unit_code , unit_name, level,voicemail,target\r\n330782, 义乌市,county,是,tel:12333\r\n"
    path = tmp_path / "units.csv"
    for content in (text.encode("gb18030"), text.encode("utf-8-sig")):
        path.write_bytes(content)
        [entry] = parse_units(read_text(path, TABLE_ENCODINGS), "units.csv")
        assert (entry.unit.name, entry.declaration.voicemail) == ("义乌市", True)
    path.write_bytes(text.encode("gb18030"))
    with pytest.raises(Refused) as refused:
        read_text(path)
    assert refused.value.refusal.code.name == "CLI_FILE_NOT_TEXT"
