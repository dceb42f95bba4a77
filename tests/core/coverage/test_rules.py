"""Who answers: the region's own unit, then its parent, then neighbours by agreement, as hours, topics and languages allow."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from twelve333.core.coverage.model import DateHours, DayHours, Hours, Relation, Span, Verdict
from twelve333.core.coverage.rules import who_answers
from twelve333.core.registration.model import UnitStatus
from twelve333.testing.directory import a_declaration, a_snapshot, a_unit

MONDAY_10 = datetime(2014, 1, 20, 2, 0, tzinfo=UTC)  # 10:00 in China
WEEK = Hours(
    weekly=tuple(DayHours(day, (Span(480, 720), Span(870, 1050))) for day in range(1, 6)),
    exceptions=(DateHours(date(2014, 1, 26), (Span(540, 1080),)), DateHours(date(2014, 1, 31), ())),
)


def verdicts(region: str, at: datetime = MONDAY_10, topic: str = "", language: str = "zh", **declared: object) -> list[tuple[str, str]]:
    units = [a_unit(code) for code in ("350000", "350100", "360000")]
    declarations = [a_declaration("350000"), a_declaration("350100", **declared), a_declaration("360000")]
    answer = who_answers(a_snapshot(units, declarations), region, topic, language, at)
    return [(candidate.unit, candidate.verdict.value) for candidate in answer.candidates]


def test_the_regions_own_unit_answers_first_then_its_parent() -> None:
    assert verdicts("350100") == [("350100", "chosen"), ("350000", "eligible")]


def test_a_county_falls_to_its_prefecture() -> None:
    assert verdicts("350102") == verdicts("350100")


def test_a_prefecture_without_a_unit_falls_to_its_province() -> None:
    assert verdicts("350900") == [("350000", "chosen")]


def test_nobody_answers_where_no_unit_is() -> None:
    assert verdicts("110000") == []


def test_neighbours_come_last_and_by_agreement_only() -> None:
    units = [a_unit(code) for code in ("350000", "350100", "360000")]
    declarations = [a_declaration("350000"), a_declaration("350100", fallbacks=("360000", "350000")), a_declaration("360000")]
    answer = who_answers(a_snapshot(units, declarations), "350100", "", "zh", MONDAY_10)
    assert [(c.unit, c.relation) for c in answer.candidates] == [
        ("350100", Relation.OWNER),
        ("350000", Relation.PARENT),
        ("360000", Relation.AGREEMENT),
    ]
    assert answer.unit == "350100"


def test_a_unit_that_declares_a_county_of_its_area_answers_for_it() -> None:
    units = [a_unit("350000"), a_unit("350100")]
    declarations = [a_declaration("350000", areas=("350000", "350102")), a_declaration("350100")]
    answer = who_answers(a_snapshot(units, declarations), "350102", "", "zh", MONDAY_10)
    assert answer.unit == "350000"


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        (UnitStatus.PLANNED, Verdict.UNIT_NOT_OPEN),
        (UnitStatus.REGISTERED, Verdict.UNIT_NOT_OPEN),
        (UnitStatus.VERIFIED, Verdict.UNIT_NOT_OPEN),
        (UnitStatus.SUSPENDED, Verdict.SUSPENDED),
        (UnitStatus.CLOSED, Verdict.UNIT_NOT_OPEN),
        (UnitStatus.OPEN, Verdict.CHOSEN),
    ],
)
def test_only_an_open_unit_answers(status: UnitStatus, verdict: Verdict) -> None:
    answer = who_answers(a_snapshot([a_unit("350100", status=status)]), "350100", "", "zh", MONDAY_10)
    assert [candidate.verdict for candidate in answer.candidates] == [verdict]


def test_an_open_unit_without_declaration_does_not_answer() -> None:
    answer = who_answers(a_snapshot([a_unit("350100")], []), "350100", "", "zh", MONDAY_10)
    assert [candidate.verdict for candidate in answer.candidates] == [Verdict.NOT_DECLARED]


@pytest.mark.parametrize(("asked", "verdict"), [("0102", "chosen"), ("01", "chosen"), ("02", "topic"), ("", "chosen")])
def test_topics_match_by_prefix(asked: str, verdict: str) -> None:
    assert verdicts("350100", topic=asked, topics=("01", "0305"))[0] == ("350100", verdict)


@pytest.mark.parametrize(("asked", "verdict"), [("ug", "language"), ("zh", "chosen"), ("zh-Hant", "chosen")])
def test_languages_match_by_tag_or_its_base(asked: str, verdict: str) -> None:
    assert verdicts("350100", language=asked)[0] == ("350100", verdict)


@pytest.mark.parametrize(
    ("local", "verdict"),
    [
        ("2014-01-20T07:59", "closed_now"),
        ("2014-01-20T08:00", "chosen"),
        ("2014-01-20T12:00", "closed_now"),  # lunch
        ("2014-01-20T14:30", "chosen"),
        ("2014-01-20T17:30", "closed_now"),
        ("2014-01-25T10:00", "closed_now"),  # a Saturday
        ("2014-01-26T10:00", "chosen"),  # a Sunday that is a make-up working day
        ("2014-01-31T10:00", "closed_now"),  # a Friday, Spring Festival
    ],
)
def test_hours_are_chinese_time_with_breaks_and_dates_that_differ(local: str, verdict: str) -> None:
    at = datetime.fromisoformat(f"{local}:00+08:00").astimezone(UTC)
    assert verdicts("350100", at, hours=WEEK)[0] == ("350100", verdict)
