"""A unit and its declaration as a YAML file, and back."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from ..core.coverage.model import (
    ALL_TOPICS,
    DEFAULT_LANGUAGE,
    RESERVED_PCT,
    CityHotline,
    Consent,
    Contact,
    Declaration,
    FallbackRule,
    FallbackWhen,
    Grant,
    Hours,
    SkillSeats,
)
from ..core.decision import Code, Kind, Refused, refuse
from ..core.ids import province_of
from ..core.registration.model import Level, Unit, UnitStatus
from ..data.resources import topic_codes
from .unit_hours import day_of, hours_from_values, hours_values
from .yaml_file import read_document

VALUE_WRONG: Final = Code("CLI_UNIT_VALUE_WRONG", Kind.INVALID)
REMINDERS: Final = {
    "contact": "# contact: {{office: {unit.name}12333, telephone: 'tel:+86…'}}   # an office, never a person\n",
    "city_hotline": "# city_hotline: none   # beside the city's 12345: none, parallel, absorbed or sub_centre\n",
    "fallbacks": "# fallbacks: ['{unit.province}']   # who answers in its place, in order; each must have agreed\n",
}
"""Of what is usually declared and has no usual value."""

HEADER: Final = "# yaml-language-server: $schema=unit.schema.json   (`twelve333 unit schema > unit.schema.json`)\n"


def read_unit(path: Path) -> tuple[Unit, Declaration]:
    """Read a unit and what it declares.

    Args:
        path: of the file, `-` for standard input.

    Raises:
        Refused: CLI_FILE_*, CLI_UNIT_VALUE_WRONG.
    """
    values = read_document(path, "unit")
    try:
        return _unit(values), _declaration(values)
    except ValueError as error:
        raise Refused(refuse(VALUE_WRONG, path=path, value=str(error)[:64])) from error


def unit_values(unit: Unit, declaration: Declaration | None) -> dict[str, Any]:
    """A unit as the plain values of its file; what it has not declared yet is filled in with what is usual."""
    return _values(unit, declaration or _usual(unit))


def unit_text(unit: Unit, declaration: Declaration | None) -> str:
    """A unit as a file that `read_unit` reads; what is neither declared nor usual is named in a comment."""
    values = unit_values(unit, declaration)
    reminders = [text.format(unit=unit) for name, text in REMINDERS.items() if name not in values]
    return HEADER + yaml.safe_dump(values, allow_unicode=True, sort_keys=False, width=120) + "".join(reminders)


def differences(before: Declaration | None, after: Declaration, unit: Unit, was: Unit) -> list[tuple[str, str, str]]:
    """What an application would change: field, before, after.

    Args:
        before, after: what is declared.
        unit, was: the unit as it is to be, and as it is.
    """
    old, new = _values(was, before) if before else {}, _values(unit, after)
    names = list(dict.fromkeys((*old, *new)))
    return [(name, _shown(old.get(name)), _shown(new.get(name))) for name in names if old.get(name) != new.get(name)]


def _shown(value: object) -> str:
    text = yaml.safe_dump(value, allow_unicode=True, default_flow_style=True, width=10_000)
    return "–" if value is None else text.removesuffix("\n...\n").strip()


def _unit(values: Mapping[str, Any]) -> Unit:
    code, level = values["unit"], Level(values.get("level", "prefecture"))
    province = province_of(code)
    parent = "" if level is Level.PROVINCE else province
    return Unit(code, values["name"], province, parent, level, province, UnitStatus.REGISTERED, values.get("with_system", False))


def _declaration(values: Mapping[str, Any]) -> Declaration:
    targets, contact = values["targets"], values.get("contact")
    fallbacks = [each if isinstance(each, dict) else {"unit": each} for each in values.get("fallbacks", ())]
    return Declaration(
        unit=values["unit"],
        areas=tuple(values.get("areas", (values["unit"],))),
        topics=tuple(values.get("topics", (ALL_TOPICS,))),
        languages=tuple(values.get("languages", (DEFAULT_LANGUAGE,))),
        hours=hours_from_values(values.get("hours", "")),
        seats=values.get("seats", 0),
        target=targets[0],
        fallbacks=tuple(each["unit"] for each in fallbacks),
        voicemail=values.get("voicemail", False),
        consents=tuple(Consent(each["unit"], tuple(each["areas"]), tuple(each.get("topics", ()))) for each in values.get("consents", ())),
        fallback_rules=tuple(_rule(each) for each in fallbacks if len(each) > 1),
        skills=tuple(SkillSeats(each.get("topic", ""), each.get("language", ""), each["seats"]) for each in values.get("skills", ())),
        grants=tuple(Grant(each["source"], each["seats"], tuple(each.get("topics", ()))) for each in values.get("grants", ())),
        more_targets=tuple(targets[1:]),
        contact=Contact(contact["office"], contact["telephone"]) if contact else None,
        city_hotline=CityHotline(values.get("city_hotline", "unsaid")),
        in_force_from=day_of(values["in_force_from"]) if "in_force_from" in values else None,
        reserved_pct=values.get("reserved_pct", RESERVED_PCT),
    )


def _rule(values: Mapping[str, Any]) -> FallbackRule:
    when = FallbackWhen(values.get("when", "any"))
    return FallbackRule(values["unit"], when, tuple(values.get("topics", ())), tuple(values.get("languages", ())))


def _values(unit: Unit, it: Declaration) -> dict[str, Any]:
    rules = {rule.unit: rule for rule in it.fallback_rules}
    values: dict[str, Any] = {
        "unit": unit.code,
        "name": unit.name,
        "level": unit.level.value,
        "with_system": unit.with_system,
        "in_force_from": it.in_force_from.isoformat() if it.in_force_from else None,
        "areas": list(it.areas),
        "topics": list(it.topics),
        "languages": list(it.languages),
        "hours": hours_values(it.hours),
        "seats": it.seats,
        "skills": [_said(topic=skill.topic, language=skill.language, seats=skill.seats) for skill in it.skills],
        "targets": [it.target, *it.more_targets],
        "voicemail": it.voicemail,
        "fallbacks": [_fallback(code, rules.get(code)) for code in it.fallbacks],
        "consents": [_said(unit=each.unit, areas=list(each.areas), topics=list(each.topics)) for each in it.consents],
        "grants": [_said(source=grant.source, seats=grant.seats, topics=list(grant.topics)) for grant in it.grants],
        "reserved_pct": it.reserved_pct,
        "contact": {"office": it.contact.office, "telephone": it.contact.telephone} if it.contact else None,
        "city_hotline": None if it.city_hotline is CityHotline.UNSAID else it.city_hotline.value,
    }
    return {name: value for name, value in values.items() if value not in (None, [])}


def _fallback(code: str, rule: FallbackRule | None) -> Any:
    if rule is None:
        return code
    when = "" if rule.when is FallbackWhen.ANY and (rule.topics or rule.languages) else rule.when.value
    return _said(unit=code, when=when, topics=list(rule.topics), languages=list(rule.languages))


def _said(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value}


def _usual(unit: Unit) -> Declaration:
    """What a unit usually declares, to begin with: office hours and an answering machine."""
    hours: Hours = hours_from_values({"week": "1-5 08:30-12:00 13:30-17:30", "holidays": "closed", "makeup_as": 1, "machine": True})
    target = f"sip:12333@{unit.code}.{unit.province}.12333.internal"
    return Declaration(unit.code, (unit.code,), (ALL_TOPICS,), (DEFAULT_LANGUAGE,), hours, 1, target)


def unknown_topics(declaration: Declaration) -> list[str]:
    """Topics a unit declares that no code of the national classification begins with, nor hangs under one (`0301.350000-a`).

    The classification here is the one of this program: a newer one may know them, so they are told and not refused.
    """
    known = topic_codes()
    named = {*declaration.topics} - {ALL_TOPICS}
    return sorted(each for each in named if not any(code.startswith(each) or each.startswith(f"{code}.") for code in known))
