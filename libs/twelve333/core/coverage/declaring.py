"""Is a declaration sound? Every field is checked, and all mistakes are named at once.

Rule: a unit answers for its own area only; neighbours come in by agreement, through `fallbacks`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from itertools import pairwise
from typing import Final

from ..decision import Code, FieldViolation, Refusal, refuse
from ..ids import check_unit_code, is_unit_code, is_within
from . import codes
from .model import (
    ALL_TOPICS,
    AREAS_MAX,
    EXCEPTIONS_MAX,
    FALLBACKS_MAX,
    LANGUAGES_MAX,
    MINUTES_A_DAY,
    SEATS_MAX,
    SPANS_MAX,
    TARGET_CHARS_MAX,
    TOPICS_MAX,
    Declaration,
    Hours,
    Span,
)

_TOPIC: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,31}", re.ASCII)
_LANGUAGE: Final = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}", re.ASCII)
_TARGET: Final = re.compile(r"(tel:\+?[0-9*#;=a-z.-]{2,}|sips?:[A-Za-z0-9+_.!~*'()&=-]+@[A-Za-z0-9.:\[\]-]+(;[a-z0-9=.-]+)*)", re.ASCII)


def is_topic(text: str) -> bool:
    """Whether `text` has the shape of a classification code or a prefix of one (1 to 32 letters, digits, `_`, `.`, `-`)."""
    return _TOPIC.fullmatch(text) is not None


def is_language(text: str) -> bool:
    """Whether `text` has the shape of a language tag: `zh`, `ug`, `zh-Hant` (BCP 47, without private use)."""
    return _LANGUAGE.fullmatch(text) is not None


def check_question(region: str, topic: str, language: str) -> Refusal | None:
    """Refuse a question about coverage that is malformed.

    Args:
        region: what must be a unit code.
        topic: a classification code, or empty for any.
        language: a language tag.
    """
    refusal = check_unit_code(region)
    if refusal:
        return refusal
    if topic and not is_topic(topic):
        return refuse(codes.TOPIC_MALFORMED, topic=topic[:32])
    return None if is_language(language) else refuse(codes.LANGUAGE_MALFORMED, language=language[:32])


def check(declaration: Declaration, unit: str, units: Collection[str]) -> Refusal | None:
    """Refuse a declaration with mistakes, naming the field of each.

    Args:
        declaration: what `unit` declares.
        unit: the code of the unit whose declaration it is.
        units: codes of all units there are, for the fallbacks.
    """
    violations = tuple(_violations(declaration, unit, units))
    return Refusal(codes.DECLARATION_INVALID, {"unit": unit[:6], "count": str(len(violations))}, violations) if violations else None


def _violations(it: Declaration, unit: str, units: Collection[str]) -> Iterator[FieldViolation]:
    if it.unit != unit:
        yield _violation("unit", codes.WRONG_UNIT, unit=unit[:6], declared=it.unit[:6])
    yield from _list("areas", it.areas, AREAS_MAX, codes.AREA_OUTSIDE, lambda area: is_unit_code(area) and is_within(area, unit))
    yield from _list("topics", it.topics, TOPICS_MAX, codes.TOPIC_MALFORMED, lambda topic: topic == ALL_TOPICS or is_topic(topic))
    yield from _list("languages", it.languages, LANGUAGES_MAX, codes.LANGUAGE_MALFORMED, is_language)
    yield from _list(
        "fallbacks", it.fallbacks, FALLBACKS_MAX, codes.FALLBACK_INVALID, lambda other: other in units and other != unit, least=0
    )
    yield from _hours(it.hours)
    if not 0 <= it.seats <= SEATS_MAX:
        yield _violation("seats", codes.SEATS_OUT_OF_RANGE, seats=it.seats, most=SEATS_MAX)
    if len(it.target) > TARGET_CHARS_MAX or not _TARGET.fullmatch(it.target):
        yield _violation("target", codes.TARGET_MALFORMED, target=it.target[:64])


def _list(path: str, items: Sequence[str], most: int, code: Code, good: Callable[[str], bool], least: int = 1) -> Iterator[FieldViolation]:
    if len(items) < least:
        yield _violation(path, codes.LIST_EMPTY, field=path)
    if len(items) > most:
        yield _violation(path, codes.LIST_TOO_LONG, field=path, most=most)
        return
    for index, item in enumerate(items):
        if not good(item):
            yield _violation(f"{path}[{index}]", code, **{_PLACEHOLDER[path]: item[:32]})
        elif item in items[:index]:
            yield _violation(f"{path}[{index}]", codes.REPEATED, value=item)


_PLACEHOLDER: Final = {"areas": "area", "topics": "topic", "languages": "language", "fallbacks": "fallback"}


def _hours(hours: Hours) -> Iterator[FieldViolation]:
    if hours.always and (hours.weekly or hours.exceptions):
        yield _violation("hours", codes.HOURS_SUPERFLUOUS)
    if not hours.always and not hours.weekly and not hours.exceptions:
        yield _violation("hours", codes.HOURS_MISSING)
    if len(hours.exceptions) > EXCEPTIONS_MAX:
        yield _violation("hours.exceptions", codes.LIST_TOO_LONG, field="exceptions", most=EXCEPTIONS_MAX)
        return
    weekdays = [day.weekday for day in hours.weekly]
    for index, day in enumerate(hours.weekly):
        if day.weekday in weekdays[:index] or not 1 <= day.weekday <= 7 or not day.spans or not _in_order(day.spans):
            yield _violation(f"hours.weekly[{index}]", codes.SPANS_INVALID, day=day.weekday)
    dates = [day.date for day in hours.exceptions]
    for index, exception in enumerate(hours.exceptions):
        if exception.date in dates[:index] or not _in_order(exception.spans):
            yield _violation(f"hours.exceptions[{index}]", codes.SPANS_INVALID, day=exception.date.isoformat())


def _in_order(spans: Sequence[Span]) -> bool:
    minutes = [minute for span in spans for minute in (span.start, span.end)]
    rising = all(span.start < span.end for span in spans) and all(a.end <= b.start for a, b in pairwise(spans))
    return len(spans) <= SPANS_MAX and rising and all(0 <= minute <= MINUTES_A_DAY for minute in minutes)


def _violation(path: str, code: Code, **params: object) -> FieldViolation:
    return FieldViolation(path, code, {name: str(value) for name, value in params.items()})
