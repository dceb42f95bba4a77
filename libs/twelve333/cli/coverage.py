"""`twelve333 coverage`: how many units are open, and who answers for what."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any, Final, Literal

from cyclopts import App

from ..catalogue.catalogue import sentence
from ..core.coverage.model import Candidate
from ..core.coverage.report import Lack, Line, Missing, Report
from ..core.worktime.model import CHINA
from .common import Common, Count, connect, write_text
from .coverage_page import bar, coverage_page
from .output import console, print_json, show
from .typed_times import in_china

app = App(
    name="coverage",
    help="Which units are open, and which one answers for a region, topic, language and time. Asks the hub or a node, as the profile says.",
)
COLUMNS = ("province", "name", "units", "open", "open_pct", "chart", "with_system", "with_system_pct", "not_open", "silent")
MISSING_COLUMNS: Final = ("code", "name", "province", "lacks", "why")
CHART_CHARS = 10


@app.default
async def report(
    *,
    target: Count = 340,
    target_with_system: Count = 300,
    as_of: date | None = None,
    by: Literal["province", "unit"] = "province",
    html: Path | None = None,
    common: Common = Common(),
) -> None:
    """Count open units per province and in total, and what is missing to the targets.

    Args:
        target: units that should be open.
        target_with_system: open units that should use a consulting system.
        as_of: as the units stood at the end of that day, e.g. 2013-12-31; of a day to come, what the plans would reach. Asks the hub.
        by: a line for each province, or for each unit that is missing to a target. With --json both are there.
        html: write the report as a page of its own to this file.
    """
    async with connect(common) as service:
        counted = await service.coverage.report(target_open=target, target_with_system=target_with_system, as_of=_end_of(as_of))
    if html:
        day = (as_of or datetime.now(CHINA).date()).isoformat()
        write_text(html, coverage_page(counted, day, common.language))
    if common.json:
        print_json(report_values(counted))
        return
    if by == "unit":
        lacks = {each: sentence(f"COVERAGE_LACK_{each.name}", {}, common.language) for each in Lack}
        show([{**_missing_values(each), "why": lacks[each.lack]} for each in counted.missing], MISSING_COLUMNS, as_json=False)
    else:
        show(_province_rows(counted), COLUMNS, as_json=False)
    values = {"short_open": counted.short_of_open, "target": target, "short_system": counted.short_of_with_system}
    console.print(sentence("COVERAGE_REPORT_TARGETS", {**values, "target_system": target_with_system}, common.language))
    if counted.by_plan:
        planned = {"count": len(counted.by_plan), "units": ", ".join(counted.by_plan)}
        console.print(sentence("COVERAGE_REPORT_BY_PLAN", planned, common.language))
    if by == "province" and counted.missing:
        console.print(sentence("COVERAGE_REPORT_WHO", {}, common.language))


@app.command
async def resolve(region: str, *, topic: str = "", language: str = "", at: datetime | None = None, common: Common = Common()) -> int:
    """Say which unit answers, and why the others do not; exit code 5 if none does.

    Args:
        region: GB/T 2260 code of the place asked about, e.g. 350100.
        topic: classification code, e.g. 0102.
        language: tag such as zh or ug.
        at: time, e.g. 2014-01-24T10:00:00+08:00; without a zone it is Chinese official time. Now if absent.
    """
    async with connect(common) as service:
        answer = await service.coverage.resolve(region, topic=topic, language=language, at=in_china(at) if at else None)
    rows = [candidate_values(each, common.language) for each in answer.candidates]
    if common.json:
        print_json({"unit": answer.unit or None, "candidates": rows, "directory_version": answer.version})
    else:
        show(rows, ("unit", "member", "relation", "verdict", "why"), as_json=False, title=answer.unit or "–")
    return 0 if answer.unit else 5


def report_values(counted: Report) -> dict[str, Any]:
    """A report as plain values."""
    return {
        **{name: value for name, value in _row(counted.total).items() if name not in ("province", "name", "not_open", "silent")},
        "short_of_open": counted.short_of_open,
        "short_of_with_system": counted.short_of_with_system,
        "by_plan": list(counted.by_plan),
        "provinces": [_row(line) for line in counted.provinces],
        "missing": [
            {"code": each.code, "name": each.name, "province": each.province, "lacks": each.lack.value} for each in counted.missing
        ],
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
        "reserved": candidate.reserved,
        "why": sentence(f"COVERAGE_VERDICT_{candidate.verdict.name}{'_RESERVED' if candidate.reserved else ''}", {}, locale),
    }


def _province_rows(counted: Report) -> list[dict[str, Any]]:
    """A line for each province with its share as a bar, then the sum; how many are missing, not which."""
    rows = [{**_row(line), "chart": bar(line.open_pct, CHART_CHARS)} for line in (*counted.provinces, counted.total)]
    for row in rows:
        row["not_open"], row["silent"] = len(row["not_open"]) or None, len(row["silent"]) or None
    return [*rows[:-1], {**rows[-1], "name": "∑"}]


def _missing_values(it: Missing) -> dict[str, Any]:
    return {"code": it.code, "name": it.name, "province": it.province, "lacks": it.lack.value}


def _end_of(day: date | None) -> datetime | None:
    """The last instant of a day in Chinese official time."""
    return datetime.combine(day, time(), CHINA) + timedelta(days=1, microseconds=-1) if day else None


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
        "silent": list(line.silent),
    }
