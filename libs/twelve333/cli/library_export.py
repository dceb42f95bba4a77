"""`twelve333 library export`: the library as JSON, CSV, Excel, Markdown or pages, from any replica."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import date, datetime
from enum import Enum
from pathlib import Path

from ..adapters.foreign_files import write_excel
from ..client.connection import Connection
from ..client.library import Stored
from ..core.decision import Code, Kind, Refused, refuse
from ..core.library.export import COLUMNS, Exported, index, markdown, page, record, row, sheet
from ..core.library.model import EntryKind
from ..core.worktime.model import CHINA
from .common import Common, connect
from .library_content import day_of
from .library_output import progress
from .output import show_one

AT_ONCE = 16
EXPORT_NOT_EMPTY = Code("CLI_EXPORT_NOT_EMPTY", Kind.INVALID)
EXPORT_FAILED = Code("CLI_EXPORT_FAILED", Kind.UNAVAILABLE)


class Format(Enum):
    """What to write."""

    JSON = "json"
    CSV = "csv"
    XLSX = "xlsx"
    MARKDOWN = "markdown"
    HTML = "html"


async def export(
    to: Path,
    *,
    format: Format = Format.JSON,
    kind: EntryKind | None = None,
    topic: str = "",
    region: str = "",
    as_at: str = "",
    common: Common = Common(),
) -> None:
    """Write the library, or a part of it: one file (json, csv, xlsx), or a folder that must not be there yet (markdown, html).

    Markdown, CSV and Excel can be imported again. Nothing stands under the name before all of it is written.

    Args:
        to: file or folder to write.
        format: json, csv, xlsx, markdown or html.
        kind: only policy, guide, qa, case, prompt, file or topics.
        topic: only under this classification code.
        region: only of this region; 000000 is the whole country.
        as_at: only what is in force on this date.
    """
    _check_new(to, format)
    day = day_of(as_at)
    async with connect(common) as replica:
        release = (await replica.library.release()).release.number
        listed = [stored async for stored in replica.library.list(kind=kind, topic=topic, region=region, as_at=day)]
        with progress(common, "reading", len(listed)) as advance:
            entries = [one async for one in _whole(replica, listed, advance)]
    try:
        _write(to, format, entries, release, day or datetime.now(CHINA).date())
    except OSError as error:
        raise Refused(refuse(EXPORT_FAILED, path=to, reason=error.strerror or type(error).__name__)) from error
    show_one({"path": str(to), "format": format.value, "entries": len(entries), "release": release}, as_json=common.json)


async def _whole(replica: Connection, listed: list[Stored], advance: Callable[[], None]) -> AsyncIterator[Exported]:
    """The entries with their text, some asked for at once, in the order listed."""
    for start in range(0, len(listed), AT_ONCE):
        batch = listed[start : start + AT_ONCE]
        for stored in await asyncio.gather(*(replica.library.get(one.entry.id) for one in batch)):
            advance()
            yield Exported(stored.entry, stored.version, stored.release, stored.recorded_at)


def _check_new(to: Path, format: Format) -> None:
    """A file may be written over, a folder must be new."""
    if to.exists() and (to.is_dir() or format in (Format.MARKDOWN, Format.HTML)):
        raise Refused(refuse(EXPORT_NOT_EMPTY, path=to))


def _write(to: Path, format: Format, entries: list[Exported], release: int, day: date) -> None:
    """Write beside the name, then move it there."""
    part = to.with_name(f".{to.name}.part")
    if format in (Format.MARKDOWN, Format.HTML):
        part.mkdir(parents=True)
        for name, text in _pages(format, entries, release, day):
            (part / name).parent.mkdir(exist_ok=True)
            (part / name).write_text(text, encoding="utf-8")
    elif format is Format.XLSX:
        write_excel(part, sheet(entries))
    else:
        part.write_text(_json(entries, release, day) if format is Format.JSON else _csv(entries), encoding="utf-8")
    part.replace(to)


def _pages(format: Format, entries: list[Exported], release: int, day: date) -> Iterator[tuple[str, str]]:
    """Name and text of each file of a folder."""
    if format is Format.HTML:
        yield "index.html", index(entries, release)
    for one in entries:
        html = format is Format.HTML
        yield (f"{one.entry.id}.html", page(one, day)) if html else (f"{one.entry.kind.value}/{one.entry.id}.md", markdown(one))


def _json(entries: list[Exported], release: int, day: date) -> str:
    whole = {"release": release, "as_at": day.isoformat(), "entries": [record(one, day) for one in entries]}
    return json.dumps(whole, ensure_ascii=False, indent=1) + "\n"


def _csv(entries: list[Exported]) -> str:
    """With the mark by which spreadsheets know UTF-8."""
    out = io.StringIO()
    csv.writer(out).writerows([COLUMNS, *(row(one) for one in entries)])
    return "\ufeff" + out.getvalue()
