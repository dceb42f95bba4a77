"""What units declare, between the core and protobuf. What a newer peer says and we do not know narrows, it never widens."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date
from typing import Final, TypeVar

from ..api.coverage.v1 import coverage_pb2 as pb
from ..core.coverage import codes
from ..core.coverage.model import (
    RESERVED_PCT,
    CityHotline,
    Consent,
    Contact,
    DateHours,
    DayHours,
    Declaration,
    FallbackRule,
    FallbackWhen,
    Grant,
    HolidayHours,
    Hours,
    Season,
    SkillSeats,
    Span,
)
from ..core.decision import FieldViolation, Refusal, Refused

M = TypeVar("M")
T = TypeVar("T")
_WHEN_OUT: Final = {
    FallbackWhen.ANY: pb.FALLBACK_WHEN_UNSPECIFIED,
    FallbackWhen.CLOSED: pb.FALLBACK_WHEN_CLOSED,
    FallbackWhen.BUSY: pb.FALLBACK_WHEN_BUSY,
}
_WHEN_IN: Final = {wire: when for when, wire in _WHEN_OUT.items()}
_HOTLINE_OUT: Final = {
    CityHotline.UNSAID: pb.CITY_HOTLINE_UNSPECIFIED,
    CityHotline.NONE: pb.CITY_HOTLINE_NONE,
    CityHotline.PARALLEL: pb.CITY_HOTLINE_PARALLEL,
    CityHotline.ABSORBED: pb.CITY_HOTLINE_ABSORBED,
    CityHotline.SUB_CENTRE: pb.CITY_HOTLINE_SUB_CENTRE,
}
_HOTLINE_IN: Final = {wire: hotline for hotline, wire in _HOTLINE_OUT.items()}
_LEAP_YEAR: Final = "2000-"  # so that the 29th of February is a day


def declaration_to_wire(it: Declaration) -> pb.Declaration:
    """A declaration as it travels."""
    return pb.Declaration(
        unit=it.unit,
        areas=it.areas,
        topics=it.topics,
        languages=it.languages,
        hours=_hours_out(it.hours),
        seats=it.seats,
        target=it.target,
        fallbacks=it.fallbacks,
        voicemail=it.voicemail,
        consents=[pb.Consent(unit=each.unit, areas=each.areas, topics=each.topics) for each in it.consents],
        fallback_rules=[_rule_out(rule) for rule in it.fallback_rules],
        skills=[pb.SkillSeats(topic=skill.topic, language=skill.language, seats=skill.seats) for skill in it.skills],
        grants=[pb.Grant(source=grant.source, seats=grant.seats, topics=grant.topics) for grant in it.grants],
        more_targets=it.more_targets,
        contact=pb.Contact(office=it.contact.office, telephone=it.contact.telephone) if it.contact else None,
        city_hotline=_HOTLINE_OUT[it.city_hotline],
        in_force_from=it.in_force_from.isoformat() if it.in_force_from else "",
        reserved_pct=None if it.reserved_pct == RESERVED_PCT else it.reserved_pct,  # what is usual is not said, as before it could be
    )


def declaration_from_wire(it: pb.Declaration) -> Declaration:
    """A declaration as somebody sent it; its rules are checked elsewhere.

    Raises:
        Refused: COVERAGE_DECLARATION_INVALID, when a date is none.
    """
    day = _Dates(it.unit)
    return Declaration(
        unit=it.unit,
        areas=tuple(it.areas),
        topics=tuple(it.topics),
        languages=tuple(it.languages),
        hours=_hours_in(it.hours, day),
        seats=it.seats,
        target=it.target,
        fallbacks=tuple(it.fallbacks),
        voicemail=it.voicemail,
        consents=_each(it.consents, lambda each: Consent(each.unit, tuple(each.areas), tuple(each.topics))),
        fallback_rules=_each(it.fallback_rules, _rule_in),
        skills=_each(it.skills, lambda each: SkillSeats(each.topic, each.language, each.seats)),
        grants=_each(it.grants, lambda each: Grant(each.source, each.seats, tuple(each.topics))),
        more_targets=tuple(it.more_targets),
        contact=Contact(it.contact.office, it.contact.telephone) if it.HasField("contact") else None,
        city_hotline=_HOTLINE_IN.get(it.city_hotline, CityHotline.UNSAID),
        in_force_from=day.of(it.in_force_from, "in_force_from") if it.in_force_from else None,
        reserved_pct=it.reserved_pct if it.HasField("reserved_pct") else RESERVED_PCT,
    )


def day_from_wire(text: str) -> date:
    """A day that somebody names.

    Raises:
        Refused: COVERAGE_DECLARATION_INVALID, when it is none.
    """
    return _Dates("").of(text, "day")


class _Dates:
    """Reads the dates of one declaration and names the field of one that is none."""

    def __init__(self, unit: str) -> None:
        self._unit = unit

    def of(self, text: str, path: str) -> date:
        try:
            return date.fromisoformat(text)
        except ValueError as error:
            violation = FieldViolation(path, codes.SPANS_INVALID, {"day": text[:16], "spans": "–"})
            raise Refused(Refusal(codes.DECLARATION_INVALID, {"unit": self._unit[:6], "count": "1"}, (violation,))) from error

    def day_of_year(self, text: str, path: str) -> tuple[int, int]:
        day = self.of(_LEAP_YEAR + text, path)
        return day.month, day.day


def _hours_out(hours: Hours) -> pb.Hours:
    return pb.Hours(
        always=hours.always,
        weekly=weekly_to_wire(hours.weekly),
        exceptions=[pb.DateHours(date=day.date.isoformat(), spans=_spans_out(day.spans)) for day in hours.exceptions],
        seasons=[
            pb.Season(first="{:02}-{:02}".format(*each.first), last="{:02}-{:02}".format(*each.last), weekly=weekly_to_wire(each.weekly))
            for each in hours.seasons
        ],
        holidays=pb.HOLIDAY_HOURS_CLOSED if hours.holidays is HolidayHours.CLOSED else pb.HOLIDAY_HOURS_UNSPECIFIED,
        makeup_as=pb.Weekday.ValueType(hours.makeup_as),
        machine=hours.machine,
    )


def _hours_in(hours: pb.Hours, day: _Dates) -> Hours:
    exceptions = [
        DateHours(day.of(each.date, f"hours.exceptions[{i}].date"), _spans_in(each.spans)) for i, each in enumerate(hours.exceptions)
    ]
    seasons = [
        Season(
            day.day_of_year(each.first, f"hours.seasons[{i}].first"),
            day.day_of_year(each.last, f"hours.seasons[{i}].last"),
            weekly_from_wire(each.weekly),
        )
        for i, each in enumerate(hours.seasons)
    ]
    holidays = HolidayHours.USUAL if hours.holidays == pb.HOLIDAY_HOURS_UNSPECIFIED else HolidayHours.CLOSED
    return Hours(hours.always, weekly_from_wire(hours.weekly), tuple(exceptions), tuple(seasons), holidays, hours.makeup_as, hours.machine)


def _rule_out(rule: FallbackRule) -> pb.FallbackRule:
    return pb.FallbackRule(unit=rule.unit, when=_WHEN_OUT[rule.when], topics=rule.topics, languages=rule.languages)


def _rule_in(rule: pb.FallbackRule) -> FallbackRule:
    return FallbackRule(rule.unit, _WHEN_IN.get(rule.when, FallbackWhen.CLOSED), tuple(rule.topics), tuple(rule.languages))


def weekly_to_wire(weekly: Iterable[DayHours]) -> list[pb.DayHours]:
    """The hours of a week as they travel."""
    return [pb.DayHours(weekday=pb.Weekday.ValueType(day.weekday), spans=_spans_out(day.spans)) for day in weekly]


def weekly_from_wire(weekly: Iterable[pb.DayHours]) -> tuple[DayHours, ...]:
    """The hours of a week as they were told."""
    return _each(weekly, lambda day: DayHours(day.weekday, _spans_in(day.spans)))


def _spans_out(spans: Iterable[Span]) -> list[pb.Span]:
    return [pb.Span(start_minute=span.start, end_minute=span.end) for span in spans]


def _spans_in(spans: Iterable[pb.Span]) -> tuple[Span, ...]:
    return _each(spans, lambda span: Span(span.start_minute, span.end_minute))


def _each(messages: Iterable[M], make: Callable[[M], T]) -> tuple[T, ...]:
    return tuple(make(message) for message in messages)
