"""`twelve333 coverage`: how many units are open, and who answers for what."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from cyclopts import App

from ..catalogue.catalogue import sentence
from ..core.coverage.model import Candidate
from ..core.coverage.report import Line, Report
from .common import Common, connect
from .output import console, print_json, show

app = App(
    name="coverage",
    help="Which units are open, and which one answers for a region, topic, language and time. Asks the hub or a node, as the profile says.",
)
COLUMNS = ("province", "name", "units", "open", "open_pct", "with_system", "with_system_pct", "not_open")


@app.default
async def report(*, target: int = 340, target_with_system: int = 300, common: Common = Common()) -> None:
    """Count open units per province and in total, and what is missing to the targets.

    Args:
        target: units that should be open.
        target_with_system: open units that should use a consulting system.
    """
    async with connect(common) as service:
        counted = await service.coverage.report(target_open=target, target_with_system=target_with_system)
    if common.json:
        print_json(report_values(counted))
        return
    rows = [_row(line) for line in counted.provinces]
    for row in rows:
        row["not_open"] = len(row["not_open"]) or None
    show([*rows, {**_row(counted.total), "province": "", "name": "∑", "not_open": None}], COLUMNS, as_json=False)
    values = {"short_open": counted.short_of_open, "target": target, "short_system": counted.short_of_with_system}
    console.print(sentence("COVERAGE_REPORT_TARGETS", {**values, "target_system": target_with_system}, common.language))


@app.command
async def resolve(region: str, *, topic: str = "", language: str = "", at: datetime | None = None, common: Common = Common()) -> int:
    """Say which unit answers, and why the others do not; exit code 5 if none does.

    Args:
        region: GB/T 2260 code of the place asked about, e.g. 350100.
        topic: classification code, e.g. 0102.
        language: tag such as zh or ug.
        at: time, e.g. 2014-01-24T10:00:00+08:00; without a zone it is UTC. Now if absent.
    """
    async with connect(common) as service:
        answer = await service.coverage.resolve(region, topic=topic, language=language, at=aware(at))
    rows = [candidate_values(each, common.language) for each in answer.candidates]
    if common.json:
        print_json({"unit": answer.unit or None, "candidates": rows, "directory_version": answer.version})
    else:
        show(rows, ("unit", "member", "relation", "verdict", "why"), as_json=False, title=answer.unit or "–")
    return 0 if answer.unit else 5


def report_values(counted: Report) -> dict[str, Any]:
    """A report as plain values."""
    return {
        **{name: value for name, value in _row(counted.total).items() if name not in ("province", "name", "not_open")},
        "short_of_open": counted.short_of_open,
        "short_of_with_system": counted.short_of_with_system,
        "provinces": [_row(line) for line in counted.provinces],
    }


def candidate_values(candidate: Candidate, locale: str) -> dict[str, Any]:
    """A candidate as plain values, with the verdict in words."""
    return {
        "unit": candidate.unit,
        "member": candidate.member,
        "relation": sentence(f"COVERAGE_RELATION_{candidate.relation.name}", {}, locale),
        "verdict": candidate.verdict.name,
        "rule": candidate.rule or None,
        "told": candidate.told.value,
        "why": sentence(f"COVERAGE_VERDICT_{candidate.verdict.name}", {}, locale),
    }


def aware(moment: datetime | None) -> datetime | None:
    """A time that somebody typed: without a zone it is UTC."""
    return moment.replace(tzinfo=UTC) if moment and moment.tzinfo is None else moment


def _row(line: Line) -> dict[str, Any]:
    return {
        "province": line.province,
        "name": line.name,
        "units": line.units,
        "open": line.open,
        "open_pct": None if line.open_pct is None else float(line.open_pct),
        "with_system": line.with_system,
        "with_system_pct": None if line.with_system_pct is None else float(line.with_system_pct),
        "not_open": list(line.not_open),
    }
