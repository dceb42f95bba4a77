"""An independent answer to "where does this call go": slow, from the raw directory, sharing no code with the rules under test."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from twelve333.core.coverage.model import Declaration
from twelve333.core.registration.model import Unit
from twelve333.core.routing.model import Call, State

Verdicts = list[tuple[str, str, str]]


def where(
    units: Sequence[Unit], declarations: Sequence[Declaration], members: set[str], state: State, call: Call, now: datetime
) -> tuple[Verdicts, tuple[str, str]]:
    """Unit, relation and verdict of every candidate, and the last resort."""
    known = {unit.code: unit for unit in units}
    declared = {declaration.unit: declaration for declaration in declarations if declaration.unit in known}
    order = candidates(known, declared, call.region)
    verdicts: Verdicts = []
    for code, relation in order:
        reason = objection(known[code], declared.get(code), members, state, call, now)
        if not reason:
            reason = "eligible" if any(verdict == "chosen" for _, _, verdict in verdicts) else "chosen"
        verdicts.append((code, relation, reason))
    return verdicts, last_resort(verdicts, declared)


def candidates(known: dict[str, Unit], declared: dict[str, Declaration], region: str) -> list[tuple[str, str]]:
    owners: list[str] = []
    for place in (region, region[:4] + "00", region[:2] + "0000"):
        owners = [place] if place in known else []
        owners += [code for code in sorted(declared) if place in declared[code].areas and code != place]
        if owners:
            break
    found = [(code, "owner") for code in owners]

    def add(code: str, relation: str) -> None:
        if code in known and code not in [seen for seen, _ in found]:
            found.append((code, relation))

    for code in owners:
        above = known[code].parent
        for _ in range(len(known)):
            if above in known:
                add(above, "parent")
                above = known[above].parent
    for code in [code for code, _ in found]:
        for other in declared[code].fallbacks if code in declared else ():
            add(other, "agreement")
    return found


def objection(unit: Unit, declaration: Declaration | None, members: set[str], state: State, call: Call, now: datetime) -> str:
    if unit.code in call.visited:
        return "loop"
    if len(call.visited) > 4:
        return "hop_limit"
    if unit.status.value != "open":
        return "suspended" if unit.status.value == "suspended" else "unit_not_open"
    if declaration is None:
        return "not_declared"
    if call.topic and not any(topic == "*" or call.topic[: len(topic)] == topic for topic in declaration.topics):
        return "topic"
    if call.language not in declaration.languages and call.language.split("-")[0] not in declaration.languages:
        return "language"
    if not is_open(declaration, now):
        return "closed_now"
    return passing_objection(unit, members, state, now)


def passing_objection(unit: Unit, members: set[str], state: State, now: datetime) -> str:
    if unit.member not in members:
        return "no_node"
    if state.unreachable.get(unit.member, now) > now:
        return "unreachable"
    return "recently_refused" if state.refused.get(unit.code, now) > now else ""


def is_open(declaration: Declaration, now: datetime) -> bool:
    local = (now + timedelta(hours=8)).replace(tzinfo=None)
    minute = local.hour * 60 + local.minute
    if declaration.hours.always:
        return True
    spans = [day.spans for day in declaration.hours.weekly if day.weekday - 1 == local.weekday()]
    spans = [day.spans for day in declaration.hours.exceptions if day.date == local.date()] or spans
    return any(minute in range(span.start, span.end) for day in spans for span in day)


def last_resort(verdicts: Verdicts, declared: dict[str, Declaration]) -> tuple[str, str]:
    busy = {"chosen", "eligible", "unreachable", "recently_refused"}
    for code, _, verdict in verdicts:
        if verdict in busy | {"closed_now"} and declared[code].voicemail:
            return "voicemail", code
    for code, _, verdict in verdicts:
        if verdict in busy:
            return "callback", code
    return "case", ""
