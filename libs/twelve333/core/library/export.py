"""The library for others to read: JSON records, rows of a table, Markdown files that can be imported again, and pages for a browser.

Names of the JSON follow Open Referral HSDS where it has one (name, description, taxonomy_terms, organization_id, assured_date), and the
European Legislation Identifier for what law adds (first_date_entry_in_force, passed_by …). docs/library.md lists them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from html import escape
from typing import Any, Final

from .fields import DATE_FIELDS, TEXT_FIELDS, fields_of
from .model import Entry
from .rules import in_force

COLUMNS: Final = (*TEXT_FIELDS, *DATE_FIELDS, "body", "version", "release", "recorded_at")
CELL_CHARS_MAX: Final = 32_000  # a cell of Excel holds 32,767 and loses the rest without a word
_STYLE: Final = (
    "body{max-width:50em;margin:2em auto;padding:0 1em;line-height:1.7}"
    "table{border-collapse:collapse}td,th{padding:.2em .8em;text-align:left}"
)
LED: Final = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet takes for a formula


@dataclass(frozen=True, slots=True)
class Exported:
    """An entry as the replica holds it, and since when."""

    entry: Entry
    version: int
    release: int
    recorded_at: datetime | None


def record(one: Exported, day: date) -> dict[str, Any]:
    """An entry as a JSON object; `in_force` is on `day`."""
    entry = one.entry
    return {
        "id": entry.id,
        "type": entry.kind.value,
        "name": entry.title,
        "description": entry.body,
        "taxonomy_terms": [{"code": topic} for topic in entry.topics],
        "service_area": entry.region,
        "organization_id": entry.owner_unit,
        "assured_date": _day(entry.review_due),
        "passed_by": entry.issuing_body,
        "id_local": entry.document_number,
        "is_realized_by": entry.document,
        "first_date_entry_in_force": _day(entry.valid_from),
        "date_no_longer_in_force": _day(entry.valid_to),
        "date_applicability": _day(entry.applies_from),
        "date_applicability_end": _day(entry.applies_to),
        "in_force": in_force(entry, day),
        "based_on": list(entry.sources),
        "links": [{"type": link.kind.value, "target": link.target, "since": _day(link.since)} for link in entry.links],
        "attachments": [
            {"name": file.name, "media_type": file.media_type, "size": file.size, "sha256": file.digest.hex()} for file in entry.attachments
        ],
        "provenance": [
            {"step": step.step.value, "by": step.by, "on": _day(step.on), "reference": step.reference, "sha256": step.digest.hex()}
            for step in entry.provenance
        ],
        "version": one.version,
        "release": one.release,
        "last_modified": one.recorded_at.isoformat() if one.recorded_at else "",
    }


def row(one: Exported) -> list[str]:
    """An entry as a row under `COLUMNS`; a cell that a spreadsheet would take for a formula is led by an apostrophe."""
    fields: Mapping[str, str] = {
        **fields_of(one.entry),
        "body": one.entry.body,
        "version": str(one.version),
        "release": str(one.release),
        "recorded_at": one.recorded_at.isoformat() if one.recorded_at else "",
    }
    return [_cell(fields.get(name, "")) for name in COLUMNS]


def sheet(entries: Sequence[Exported]) -> Iterator[list[str]]:
    """The heading and a row an entry for Excel: a text that is longer than a cell goes on in columns `body 2`, `body 3` … at the end."""
    cells = max((-(-len(one.entry.body) // CELL_CHARS_MAX) for one in entries), default=1)
    yield [*COLUMNS, *(f"body {place + 1}" for place in range(1, cells))]
    for one in entries:
        first, *more = [one.entry.body[start : start + CELL_CHARS_MAX] for start in range(0, max(1, len(one.entry.body)), CELL_CHARS_MAX)]
        yield [*row(replace(one, entry=replace(one.entry, body=first))), *map(_cell, more)]


def markdown(one: Exported) -> str:
    """An entry as a file of our own form, which `library import` reads again, without its attachments."""
    lines = [f"{name}: {' '.join(value.split())}" for name, value in fields_of(one.entry).items() if name != "attachments"]
    return "\n".join(["---", *lines, "---", one.entry.body, ""])


def page(one: Exported, day: date) -> str:
    """An entry as a page."""
    entry = one.entry
    told = [(name, value) for name, value in fields_of(entry).items() if name not in ("title",)]
    rows = "".join(f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in told)
    state = "" if in_force(entry, day) else "<p><strong>现在无效 / not in force</strong></p>"
    return _document(entry.title, f"<h1>{escape(entry.title)}</h1>{state}{''.join(_blocks(entry.body))}<table>{rows}</table>")


def index(entries: list[Exported], release: int) -> str:
    """The page that lists all."""
    items = "".join(
        f'<li><a href="{escape(one.entry.id)}.html">{escape(one.entry.title)}</a> {one.entry.kind.value} {escape(one.entry.region)}</li>'
        for one in entries
    )
    return _document("资源库", f"<h1>资源库</h1><p>release {release}: {len(entries)}</p><ul>{items}</ul>")


def _document(title: str, body: str) -> str:
    head = f'<meta charset="utf-8"><title>{escape(title)}</title><style>{_STYLE}</style>'
    return f'<!DOCTYPE html><html lang="zh-CN"><head>{head}</head><body>{body}</body></html>\n'


def _blocks(body: str) -> Iterator[str]:
    """Headings and paragraphs; everything else stays text."""
    for line in filter(None, (line.strip() for line in body.splitlines())):
        level = len(line) - len(line.lstrip("#"))
        text = escape(line.lstrip("#").strip())
        yield f"<h{min(level + 1, 6)}>{text}</h{min(level + 1, 6)}>" if level else f"<p>{text}</p>"


def _cell(text: str) -> str:
    return f"'{text}" if text.startswith(LED) else text


def _day(day: date | None) -> str:
    return day.isoformat() if day else ""
