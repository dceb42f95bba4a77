"""What a declaration may say, and that every mistake is named."""

from __future__ import annotations

from datetime import date

import pytest

from twelve333.core.coverage import codes
from twelve333.core.coverage.declaring import check, check_question
from twelve333.core.coverage.model import (
    Consent,
    Contact,
    DateHours,
    DayHours,
    FallbackRule,
    Grant,
    Hours,
    Season,
    SkillSeats,
    Span,
)
from twelve333.core.decision import Code, Refusal
from twelve333.testing.directory import a_declaration

UNITS = {"350000", "350100", "360000", "360400"}
MORNING, AFTERNOON = Span(480, 720), Span(870, 1050)
WEEK = tuple(DayHours(day, (MORNING, AFTERNOON)) for day in range(1, 6))
NO_WEEK = (DayHours(9, (MORNING,)),)
SUMMER = Season((4, 1), (9, 30), WEEK)


def mistakes(**changes: object) -> list[tuple[str, Code]]:
    outcome = check(a_declaration("350100", **changes), "350100", UNITS)
    return [(violation.path, violation.code) for violation in outcome.violations] if outcome else []


def test_a_sound_declaration_is_accepted() -> None:
    hours = Hours(
        weekly=(DayHours(1, (MORNING, AFTERNOON)),), exceptions=(DateHours(date(2014, 1, 26), (MORNING,)), DateHours(date(2014, 1, 31), ()))
    )
    assert (
        mistakes(hours=hours, topics=("01", "0302"), languages=("zh", "zh-Hant", "ug"), fallbacks=("360400",), areas=("350100", "350102"))
        == []
    )


@pytest.mark.parametrize(
    ("changes", "path", "code"),
    [
        ({"unit": "350200"}, "unit", codes.WRONG_UNIT),
        ({"areas": ()}, "areas", codes.LIST_EMPTY),
        ({"areas": ("福州",)}, "areas[0]", codes.AREA_MALFORMED),
        ({"areas": ("350100", "350100")}, "areas[1]", codes.REPEATED),
        ({"topics": ()}, "topics", codes.LIST_EMPTY),
        ({"topics": ("养老",)}, "topics[0]", codes.TOPIC_MALFORMED),
        ({"topics": tuple(str(n) for n in range(201))}, "topics", codes.LIST_TOO_LONG),
        ({"languages": ("Chinese please",)}, "languages[0]", codes.LANGUAGE_MALFORMED),
        ({"hours": Hours()}, "hours", codes.HOURS_MISSING),
        ({"hours": Hours(always=True, weekly=(DayHours(1, (MORNING,)),))}, "hours", codes.HOURS_SUPERFLUOUS),
        ({"hours": Hours(weekly=(DayHours(1, (AFTERNOON, MORNING)),))}, "hours.weekly[0]", codes.SPANS_INVALID),
        ({"hours": Hours(weekly=(DayHours(1, (Span(600, 600),)),))}, "hours.weekly[0]", codes.SPANS_INVALID),
        ({"hours": Hours(weekly=(DayHours(1, (Span(0, 1441),)),))}, "hours.weekly[0]", codes.SPANS_INVALID),
        ({"hours": Hours(weekly=(DayHours(8, (MORNING,)),))}, "hours.weekly[0]", codes.SPANS_INVALID),
        ({"hours": Hours(weekly=(DayHours(1, (MORNING,)), DayHours(1, (MORNING,))))}, "hours.weekly[1]", codes.SPANS_INVALID),
        ({"hours": Hours(exceptions=(DateHours(date(2014, 1, 1), (AFTERNOON, MORNING)),))}, "hours.exceptions[0]", codes.SPANS_INVALID),
        ({"hours": Hours(weekly=WEEK, makeup_as=8)}, "hours.makeup_as", codes.SPANS_INVALID),
        ({"hours": Hours(always=True, makeup_as=1)}, "hours", codes.HOURS_SUPERFLUOUS),
        ({"hours": Hours(seasons=(SUMMER, Season((9, 30), (3, 1), WEEK)))}, "hours.seasons[1]", codes.SEASON_INVALID),
        (
            {"hours": Hours(seasons=(Season((5, 1), (9, 30), NO_WEEK),))},
            "hours.seasons[0].weekly[0]",
            codes.SPANS_INVALID,
        ),
        ({"more_targets": ("12333",)}, "more_targets[0]", codes.TARGET_MALFORMED),
        ({"consents": (Consent("360400", ("350200",)),)}, "consents[0]", codes.CONSENT_INVALID),
        ({"consents": (Consent("350100", ("350102",)),)}, "consents[0]", codes.CONSENT_INVALID),
        ({"fallback_rules": (FallbackRule("360400"),)}, "fallback_rules[0]", codes.FALLBACK_RULE_INVALID),
        ({"skills": (SkillSeats("0102", "zh", 11),)}, "skills[0]", codes.SKILL_INVALID),
        ({"reserved_pct": 101}, "reserved_pct", codes.RESERVE_OUT_OF_RANGE),
        ({"grants": (Grant("somebody", 1),)}, "grants[0]", codes.GRANT_INVALID),
        ({"grants": (Grant("360000", 6), Grant("*", 5))}, "grants", codes.GRANTS_TOO_MANY),
        ({"contact": Contact("", "tel:059112333")}, "contact", codes.CONTACT_MALFORMED),
        ({"seats": -1}, "seats", codes.SEATS_OUT_OF_RANGE),
        ({"seats": 10_001}, "seats", codes.SEATS_OUT_OF_RANGE),
        ({"target": "12333"}, "target", codes.TARGET_MALFORMED),
        ({"target": "https://example/"}, "target", codes.TARGET_MALFORMED),
        ({"fallbacks": ("350100",)}, "fallbacks[0]", codes.FALLBACK_INVALID),
        ({"fallbacks": ("999900",)}, "fallbacks[0]", codes.FALLBACK_INVALID),
    ],
)
def test_every_mistake_is_named_with_its_field(changes: dict[str, object], path: str, code: Code) -> None:
    assert mistakes(**changes) == [(path, code)]


def test_all_mistakes_are_named_at_once() -> None:
    assert [path for path, _ in mistakes(seats=-1, topics=(), target="")] == ["topics", "seats", "target"]


@pytest.mark.parametrize("target", ["tel:+8659112333", "tel:12333", "sip:12333@fuzhou.example", "sips:queue@10.0.0.1:5061;transport=tls"])
def test_telephone_and_sip_targets_are_accepted(target: str) -> None:
    assert mistakes(target=target) == []


@pytest.mark.parametrize(
    ("question", "code"),
    [
        (("35010", "", "zh"), "COMMON_UNIT_CODE_MALFORMED"),
        (("350100", "!", "zh"), "COVERAGE_TOPIC_MALFORMED"),
        (("350100", "", ""), "COVERAGE_LANGUAGE_MALFORMED"),
    ],
)
def test_a_malformed_question_is_refused(question: tuple[str, str, str], code: str) -> None:
    refusal = check_question(*question)
    assert isinstance(refusal, Refusal)
    assert refusal.code.name == code


def test_a_sound_question_is_accepted() -> None:
    assert check_question("350102", "0101", "zh") is None
