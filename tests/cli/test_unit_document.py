"""A unit's file: what is written is what is read, what it would change is shown, and a mistake is named by its line."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path
from random import Random

import pytest

from tests.core.routing.worlds import world
from tests.support.federation import cli
from twelve333.catalogue.catalogue import sentence
from twelve333.cli.unit_document import differences, read_unit, unit_text
from twelve333.core.coverage.declaring import check
from twelve333.core.coverage.model import (
    ALWAYS,
    CityHotline,
    Consent,
    Contact,
    DateHours,
    Declaration,
    Grant,
    HolidayHours,
    Season,
    SkillSeats,
    Span,
)
from twelve333.core.decision import Refused
from twelve333.testing.directory import a_declaration, a_unit

HARBIN = """unit: "230100"
name: 哈尔滨市
with_system: true
hours:
  week: 1-5 08:00-17:00
  seasons:
    - {from: 05-01, through: 09-30, week: "1-5 08:00-18:00"}
  dates:
    2014-01-31: closed
    2014-01-26: 09:00-12:00 13:00-16:00
  holidays: closed
  makeup_as: 1
  machine: true
seats: 20
skills: [{topic: "0102", seats: 3}]
targets: ["sip:12333@harbin.example", "tel:+8645112333"]
fallbacks:
  - {unit: "220000", when: closed}
  - "210100"
grants: [{source: "220000", seats: 4}]
contact: {office: 咨询服务科, telephone: "tel:+8645187654321"}
city_hotline: parallel
reserved_pct: 10
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "unit.yaml"
    path.write_text(HARBIN, encoding="utf-8")
    return path


def test_a_unit_is_read_from_its_file(file: Path) -> None:
    unit, it = read_unit(file)
    assert (unit.code, unit.name, unit.with_system, unit.parent) == ("230100", "哈尔滨市", True, "230000")
    assert (it.areas, it.topics, it.languages) == (("230100",), ("*",), ("zh",))
    assert it.hours.seasons[0].first == (5, 1) and it.hours.holidays is HolidayHours.CLOSED and it.hours.machine
    assert it.hours.exceptions == (DateHours(date(2014, 1, 31), ()), DateHours(date(2014, 1, 26), (Span(540, 720), Span(780, 960))))
    assert (it.target, it.more_targets) == ("sip:12333@harbin.example", ("tel:+8645112333",))
    assert it.fallbacks == ("220000", "210100") and [rule.unit for rule in it.fallback_rules] == ["220000"]
    assert it.city_hotline is CityHotline.PARALLEL and it.reserved_pct == 10
    assert check(it, "230100", {"220000", "210100"}) is None


def declarations() -> list[Declaration]:
    chance = Random(12333)
    made = [replace(it, seats=5) for _ in range(30) for it in world(chance).declarations]
    rich = a_declaration(
        "350100",
        hours=replace(made[0].hours, always=False, seasons=(Season((11, 1), (3, 31), made[0].hours.weekly),), machine=True),
        consents=(Consent("350200", ("350102",), ("01",)),),
        skills=(SkillSeats("", "ug", 1),),
        grants=(Grant("*", 1, ("02",)),),
        contact=Contact("科", "tel:1233"),
        reserved_pct=0,
    )
    return [*made, rich, a_declaration("350100", hours=ALWAYS)]


def test_any_declaration_is_written_so_that_it_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "unit.yaml"
    for it in declarations():
        unit = a_unit(it.unit)
        path.write_text(unit_text(unit, it), encoding="utf-8")
        read, again = read_unit(path)
        assert again == it
        assert (read.code, read.name, read.level, read.with_system) == (unit.code, unit.name, unit.level, unit.with_system)


def test_what_would_change_is_shown_field_by_field() -> None:
    unit, before = a_unit("350100"), a_declaration("350100")
    after = replace(before, seats=12, voicemail=True)
    assert differences(before, after, replace(unit, name="福州"), unit) == [
        ("name", "单位350100", "福州"),
        ("seats", "10", "12"),
        ("voicemail", "false", "true"),
    ]
    assert differences(before, before, unit, unit) == []


def test_a_template_is_sound(tmp_path: Path) -> None:
    path = tmp_path / "unit.yaml"
    path.write_text(unit_text(a_unit("230200"), None), encoding="utf-8")
    _, it = read_unit(path)
    assert check(it, "230200", set()) is None and it.hours.machine


@pytest.mark.parametrize(
    ("wrong", "line", "field"),
    [
        (("seats: 20", "seats: many"), 14, "seats"),
        (('unit: "230100"', "unit: 230100"), 1, "unit"),
        (("makeup_as: 1", "makeup_as: 8"), 12, "hours.makeup_as"),
        (('week: "1-5 08:00-18:00"}', "}"), 7, "hours.seasons.0.week"),
        (("2014-01-31: closed", "2014-13: closed"), 8, "hours.dates"),
        (("city_hotline: parallel", "city_hotline: merged"), 22, "city_hotline"),
        (("when: closed", "when: sometimes"), 18, "fallbacks.0.when"),
        (('- "210100"', "- 辽宁"), 19, "fallbacks.1"),
        (("office: 咨询服务科", "office: ''"), 21, "contact.office"),
        (("seats: 20", "seats: 20\nseats: 30"), 15, "seats"),
        (("reserved_pct: 10", "reserved_pct: 10%"), 23, "reserved_pct"),
        (("reserved_pct: 10", "reserved_pct: 101"), 23, "reserved_pct"),
    ],
)
def test_a_mistake_is_named_by_line_and_field(file: Path, wrong: tuple[str, str], line: int, field: str) -> None:
    file.write_text(HARBIN.replace(*wrong), encoding="utf-8")
    with pytest.raises(Refused) as refused:
        read_unit(file)
    violations = refused.value.refusal.violations
    assert {(violation.params["line"], violation.path) for violation in violations} == {(str(line), field)}


def test_a_misspelt_field_is_named_with_the_one_that_was_meant(file: Path) -> None:
    file.write_text(HARBIN.replace("name: 哈尔滨市", "nam: 哈尔滨市"), encoding="utf-8")
    assert told(file, "en") == ["line 1, name: is missing", "line 2, nam: there is no such field; there is name"]
    assert told(file, "zh") == ["第 1 行 name：缺少此项", "第 2 行 nam：没有此项，可用的是 name"]


def test_what_is_wrong_within_a_form_is_told_not_that_the_whole_fits_none(file: Path) -> None:
    file.write_text(HARBIN.replace("makeup_as: 1", "makeup_as: 8").replace('- "210100"', "- 辽宁"), encoding="utf-8")
    assert told(file, "en") == [
        "line 12, hours.makeup_as: 8 is not from 1 to 7",
        'line 19, fallbacks.1: "辽宁" is not of the form asked for: GB/T 2260 code, in quotes.',
    ]


def test_a_day_that_there_is_not_is_quoted(file: Path) -> None:
    for day in ("2027-02-30", "2027-99-01"):
        file.write_text(HARBIN + f"in_force_from: {day}\n", encoding="utf-8")
        with pytest.raises(Refused) as refused:
            read_unit(file)
        assert (refused.value.refusal.code.name, refused.value.refusal.params["value"]) == ("CLI_UNIT_VALUE_WRONG", day)


def test_days_with_the_same_wrong_hours_are_named_once_as_they_were_typed(file: Path) -> None:
    file.write_text(HARBIN.replace("week: 1-5 08:00-17:00", "week: 1-5 08:30-12:00 11:30-17:30"), encoding="utf-8")
    wrong = check(read_unit(file)[1], "230100", {"220000", "210100"})
    assert wrong and [each.params for each in wrong.violations] == [{"day": "1, 2, 3, 4, 5", "spans": "08:30-12:00 11:30-17:30"}]


def told(file: Path, locale: str) -> list[str]:
    """The mistakes of a file as a person reads them."""
    with pytest.raises(Refused) as refused:
        read_unit(file)
    return [sentence(each.code.name, each.params, locale) for each in refused.value.refusal.violations]


def test_a_pattern_is_told_by_what_it_stands_for_not_by_its_signs(file: Path) -> None:
    file.write_text(HARBIN.replace("tel:+8645187654321", "0451-12333"), encoding="utf-8")
    assert "tel:+8645212333" in "".join(told(file, "en"))


def test_a_template_reminds_of_what_has_no_usual_value(file: Path) -> None:
    text = unit_text(a_unit("230200"), None)
    assert all(f"# {name}: " in text for name in ("contact", "city_hotline", "fallbacks"))
    file.write_text(text, encoding="utf-8")
    unit, declaration = read_unit(file)
    assert "# contact" not in unit_text(unit, replace(declaration, contact=Contact("office", "tel:+8645212333")))


def test_check_tells_of_topics_that_no_call_is_about(file: Path) -> None:
    file.write_text(f"{HARBIN}topics: ['*', '03', '0301', '0301.230100-a', '3301']\n", encoding="utf-8")
    told = cli("unit", "check", "-f", file)
    assert told.code == 0 and "3301" in told.out and "0301" not in told.out
    assert json.loads(cli("unit", "check", "-f", file, "--json").out)["unknown_topics"] == ["3301"]


def test_check_needs_no_hub_and_names_what_the_rules_forbid(file: Path) -> None:
    sound = cli("unit", "check", "-f", file)
    assert sound.code == 0 and "twelve333 unit apply" in sound.out
    file.write_text(HARBIN.replace("seats: 4", "seats: 40"), encoding="utf-8")
    told = cli("unit", "check", "-f", file)
    assert told.code == 2 and "COVERAGE_DECLARATION_INVALID" in told.err and "40 seats are kept for others" in told.err
    file.write_text(HARBIN.replace("08:00-18:00", "8 till late"), encoding="utf-8")
    assert "CLI_UNIT_VALUE_WRONG" in cli("unit", "check", "-f", file).err
