"""Is a declaration sound? Every field is checked, and all mistakes are named at once.

Rule: a unit answers for its own area, and for another one's with that one's consent, which the proof of the whole country checks
(`partition`); neighbours come in by agreement, through `fallbacks`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Final

from ..decision import Code, FieldViolation, Refusal, refuse
from ..ids import check_unit_code, is_unit_code, is_within
from . import codes
from .hours_rules import hours_mistakes, violation
from .model import (
    ALL_SOURCES,
    ALL_TOPICS,
    AREAS_MAX,
    CONSENTS_MAX,
    FALLBACKS_MAX,
    GRANTS_MAX,
    LANGUAGES_MAX,
    MORE_TARGETS_MAX,
    OFFICE_CHARS_MAX,
    SEATS_MAX,
    SKILLS_MAX,
    TARGET_CHARS_MAX,
    TOPICS_MAX,
    Declaration,
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
        yield violation("unit", codes.WRONG_UNIT, unit=unit[:6], declared=it.unit[:6])
    yield from _list("areas", it.areas, AREAS_MAX, codes.AREA_MALFORMED, is_unit_code)
    yield from _list("topics", it.topics, TOPICS_MAX, codes.TOPIC_MALFORMED, _is_topic_or_all)
    yield from _list("languages", it.languages, LANGUAGES_MAX, codes.LANGUAGE_MALFORMED, is_language)
    yield from _list("fallbacks", it.fallbacks, FALLBACKS_MAX, codes.FALLBACK_INVALID, lambda it: it in units and it != unit, least=0)
    yield from hours_mistakes(it.hours)
    if not 0 <= it.seats <= SEATS_MAX:
        yield violation("seats", codes.SEATS_OUT_OF_RANGE, seats=it.seats, most=SEATS_MAX)
    if not 0 <= it.reserved_pct <= 100:
        yield violation("reserved_pct", codes.RESERVE_OUT_OF_RANGE, reserved=it.reserved_pct)
    if not _is_target(it.target):
        yield violation("target", codes.TARGET_MALFORMED, target=it.target[:64])
    yield from _list("more_targets", it.more_targets, MORE_TARGETS_MAX, codes.TARGET_MALFORMED, _is_target, least=0)
    yield from _consents(it, unit)
    yield from _rules(it)
    yield from _seats(it)
    if it.contact and not (0 < len(it.contact.office) <= OFFICE_CHARS_MAX and _is_target(it.contact.telephone)):
        yield violation("contact", codes.CONTACT_MALFORMED, most=OFFICE_CHARS_MAX)


def _consents(it: Declaration, unit: str) -> Iterator[FieldViolation]:
    yield from _fits("consents", it.consents, CONSENTS_MAX)
    for index, consent in enumerate(it.consents[:CONSENTS_MAX]):
        inside = bool(consent.areas) and all(is_unit_code(area) and is_within(area, unit) for area in consent.areas)
        sound = is_unit_code(consent.unit) and consent.unit != unit and all(map(_is_topic_or_all, consent.topics))
        if not inside or not sound or len(consent.areas) > AREAS_MAX or len(consent.topics) > TOPICS_MAX:
            yield violation(f"consents[{index}]", codes.CONSENT_INVALID, unit=unit[:6])


def _rules(it: Declaration) -> Iterator[FieldViolation]:
    yield from _fits("fallback_rules", it.fallback_rules, FALLBACKS_MAX)
    ruled = [rule.unit for rule in it.fallback_rules]
    for index, rule in enumerate(it.fallback_rules[:FALLBACKS_MAX]):
        sound = all(map(is_topic, rule.topics)) and all(map(is_language, rule.languages))
        if rule.unit not in it.fallbacks or rule.unit in ruled[:index] or not sound:
            yield violation(f"fallback_rules[{index}]", codes.FALLBACK_RULE_INVALID, fallback=rule.unit[:6])


def _seats(it: Declaration) -> Iterator[FieldViolation]:
    """Seats by skill and seats kept for others are parts of all seats."""
    yield from _fits("skills", it.skills, SKILLS_MAX)
    yield from _fits("grants", it.grants, GRANTS_MAX)
    for index, skill in enumerate(it.skills[:SKILLS_MAX]):
        known = (not skill.topic or is_topic(skill.topic)) and (not skill.language or is_language(skill.language))
        if not known or not 0 < skill.seats <= it.seats:
            yield violation(f"skills[{index}]", codes.SKILL_INVALID, most=it.seats)
    for index, grant in enumerate(it.grants[:GRANTS_MAX]):
        known = (grant.source == ALL_SOURCES or is_unit_code(grant.source)) and all(map(is_topic, grant.topics))
        if not known or not 0 < grant.seats <= it.seats:
            yield violation(f"grants[{index}]", codes.GRANT_INVALID, most=it.seats)
    if it.grants and sum(grant.seats for grant in it.grants) > it.seats:
        yield violation("grants", codes.GRANTS_TOO_MANY, granted=sum(grant.seats for grant in it.grants), seats=it.seats)


def _fits(path: str, items: Sequence[object], most: int) -> Iterator[FieldViolation]:
    if len(items) > most:
        yield violation(path, codes.LIST_TOO_LONG, field=path, most=most)


def _is_topic_or_all(text: str) -> bool:
    return text == ALL_TOPICS or is_topic(text)


def _is_target(text: str) -> bool:
    return len(text) <= TARGET_CHARS_MAX and _TARGET.fullmatch(text) is not None


def _list(path: str, items: Sequence[str], most: int, code: Code, good: Callable[[str], bool], least: int = 1) -> Iterator[FieldViolation]:
    if len(items) < least:
        yield violation(path, codes.LIST_EMPTY, field=path)
    if len(items) > most:
        yield violation(path, codes.LIST_TOO_LONG, field=path, most=most)
        return
    for index, item in enumerate(items):
        if not good(item):
            yield violation(f"{path}[{index}]", code, **{_PLACEHOLDER[path]: item[:32]})
        elif item in items[:index]:
            yield violation(f"{path}[{index}]", codes.REPEATED, value=item)


_PLACEHOLDER: Final = {"areas": "area", "topics": "topic", "languages": "language", "fallbacks": "fallback", "more_targets": "target"}
