"""The coverage report as a page of its own: no script, no outside file, readable in an old browser and on paper."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from html import escape

from ..catalogue.catalogue import sentence
from ..core.coverage.report import Line, Report

_STYLE = """
body{font-family:sans-serif;margin:2em;color:#222}
table{border-collapse:collapse}
td,th{padding:.25em .75em;border-bottom:1px solid #ccc;text-align:right}
td:nth-child(-n+2),th:nth-child(-n+2){text-align:left}
.bar{width:16em;background:#eee;text-align:left;padding:0}
.bar span{display:block;height:1em;background:#2a6f97}
tr.total td{font-weight:bold;border-top:2px solid #222}
"""


_HEADS = ("CODE", "PROVINCE", "UNITS", "OPEN", "SHARE", "", "SYSTEM", "SHARE", "MISSING")


def coverage_page(report: Report, day: str, language: str) -> str:
    """The report as HTML.

    Args:
        report: the counts.
        day: the day they are of, for the heading.
        language: `en` or `zh`.
    """

    def word(name: str) -> str:
        return escape(sentence(f"COVERAGE_WORD_{name}", {}, language))

    names = {each.code: f"{each.code} {each.name}" for each in report.missing}
    heads = "".join(f"<th>{word(name) if name else ''}</th>" for name in _HEADS)
    title = f"{word('TITLE')} {escape(day)}"
    return "\n".join(
        (
            "<!DOCTYPE html>",
            f'<html lang="{language}"><head><meta charset="utf-8"><title>{title}</title><style>{_STYLE}</style></head><body>',
            f"<h1>{title}</h1>",
            f"<p>{escape(_summary(report, language))}</p>",
            f"<table><thead><tr>{heads}</tr></thead><tbody>",
            *(_row(line, names) for line in report.provinces),
            _row(report.total, {}, total=True),
            "</tbody></table></body></html>\n",
        )
    )


def bar(share: Decimal | None, width: int) -> str:
    """A share as a bar of characters, at most `width`; nothing for a share of nothing."""
    filled = 0 if share is None else int(share * width / 100 + Decimal("0.5"))
    return "█" * filled + "░" * (width - filled)


def _summary(report: Report, language: str) -> str:
    total = report.total
    values = {
        "units": total.units,
        "open": total.open,
        "system": total.with_system,
        "short_open": report.short_of_open,
        "short_system": report.short_of_with_system,
    }
    return sentence("COVERAGE_SUMMARY", values, language)


def _row(line: Line, names: Mapping[str, str], *, total: bool = False) -> str:
    cells = "".join(_cells(line, names))
    return f'<tr class="total">{cells}</tr>' if total else f"<tr>{cells}</tr>"


def _cells(line: Line, names: Mapping[str, str]) -> Iterator[str]:
    yield f"<td>{escape(line.province)}</td><td>{escape(line.name or '∑')}</td><td>{line.units}</td><td>{line.open}</td>"
    yield f"<td>{_percent(line.open_pct)}</td>"
    yield f'<td class="bar"><span style="width:{line.open_pct or 0}%"></span></td>'
    yield f"<td>{line.with_system}</td><td>{_percent(line.with_system_pct)}</td>"
    yield f"<td>{escape(', '.join(names.get(code, code) for code in line.not_open))}</td>"


def _percent(share: Decimal | None) -> str:
    return "–" if share is None else f"{share} %"
