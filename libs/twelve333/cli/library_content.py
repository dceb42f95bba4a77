"""`twelve333 library show|list|due|history`: what the library says, said before, and has to look at again."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any

from rich.markup import escape

from ..client.library_content import Version
from ..core.decision import Refused, refuse
from ..core.library import codes
from ..core.library.fields import day_of as written_day
from ..core.library.model import EntryKind
from .common import Common, connect, titled
from .library_output import entry_row, known_row, provenance_row, show_as_of
from .output import console, print_json, show, show_one
from .supplement import show_supplements, supplement_row
from .typed_times import moment_of

COLUMNS = ("id", "kind", "title", "region", "topics", "valid_from", "valid_to", "version", "release")
DUE_COLUMNS = ("review_due", "owner_unit", "id", "kind", "title")
VERSION_COLUMNS = ("version", "release", "recorded_at", "title", "valid_from", "valid_to", "removed", "successor")


async def show_entry(entry: str, *, as_at: str = "", as_of: str = "", common: Common = Common()) -> None:
    """Show one entry with its text, its links, and what other entries say about it.

    Args:
        entry: its id, as a search or list shows it; with --as-at or --as-of also the document whose texts succeed each other.
        as_at: the text of the same document that was in force on this date, e.g. 2010-06-30.
        as_of: what the library said at this moment, e.g. 2026-03-01 or 2026-03-01T12:00+08:00 (kept at the hub).
    """
    async with connect(common) as replica:
        if as_at or as_of:
            at, of = day_of(as_at), _moment_of(as_of) if as_of else None
            stored = await replica.library_content.text_at(entry, as_at=at, as_of=of)
        else:
            stored = await replica.library.get(entry)
    row, known = {**entry_row(stored), **provenance_row(stored.entry)}, [known_row(one) for one in stored.known]
    show_as_of(stored.as_of, common)
    if common.json:
        beside = [supplement_row(one) for one in stored.supplements]
        print_json({**row, "as_of": stored.as_of, "known": known, "supplements": beside, "body": stored.entry.body})
        return
    show_one(row, as_json=False)
    for one in known:
        told = "" if one["applied"] else " [red](known, not yet in this text)[/red]"
        console.print(f"[bold]{one['says']}[/bold] {escape(one['title'])} [dim]{one['id']}[/dim] {one['since'] or ''}{told}")
    console.print(escape(stored.entry.body))
    show_supplements(stored.supplements)


async def list_entries(
    *,
    kind: EntryKind | None = None,
    topic: str = "",
    region: str = "",
    owner: str = "",
    document: str = "",
    as_at: str = "",
    applies_at: str = "",
    common: Common = Common(),
) -> None:
    """List entries by id, without their text.

    Args:
        kind: only policy, guide, qa, case, prompt, file or topics.
        topic: only under this classification code.
        region: only of this region; 000000 is the whole country.
        owner: only those that this unit keeps right.
        document: only the texts of this document.
        as_at: only what is in force on this date.
        applies_at: only what applies to a matter of this date.
    """
    days = {"as_at": day_of(as_at), "applies_at": day_of(applies_at)}
    async with connect(common) as replica:
        listed = replica.library.list(kind=kind, topic=topic, region=region, owner_unit=owner, document=document, **days)
        rows = [entry_row(stored) async for stored in listed]
    show(rows, COLUMNS, as_json=common.json, title=titled("ENTRIES", common, count=len(rows)))


async def due(*, until: str = "", owner: str = "", common: Common = Common()) -> None:
    """List what its owners have to look at again, longest overdue first.

    Args:
        until: due by this date; a month from today if absent.
        owner: only those that this unit keeps right.
    """
    day = day_of(until) or date.today() + timedelta(days=30)
    async with connect(common) as replica:
        found = [stored async for stored in replica.library.list(owner_unit=owner, due_by=day)]
    found.sort(key=lambda stored: (stored.entry.review_due or day, stored.entry.id))
    rows = [{**entry_row(stored), **provenance_row(stored.entry)} for stored in found]
    show(rows, DUE_COLUMNS, as_json=common.json, title=titled("DUE", common, count=len(rows), day=day))


async def history(entry: str, *, common: Common = Common()) -> None:
    """List every text that an entry had, newest first, and its removals; kept at the hub, a node asks it.

    Args:
        entry: its id.
    """
    async with connect(common) as replica:
        versions = await replica.library_content.versions(entry)
    show(
        [_version_row(version) for version in versions],
        VERSION_COLUMNS,
        as_json=common.json,
        title=titled("TEXTS", common, entry=entry, count=len(versions)),
    )


def day_of(text: str) -> date | None:
    """A day from a flag; refuses what is none.

    Raises:
        Refused: LIBRARY_DATE_MALFORMED.
    """
    day = written_day(text) if text else None
    if text and day is None:
        raise Refused(refuse(codes.DATE_MALFORMED, date=text[:20]))
    return day


def _moment_of(text: str) -> datetime:
    """A moment from a flag; a day alone means its end.

    Raises:
        Refused: LIBRARY_DATE_MALFORMED.
    """
    try:
        return moment_of(text, time.max)
    except ValueError as error:
        raise Refused(refuse(codes.DATE_MALFORMED, date=text[:20])) from error


def _version_row(version: Version) -> dict[str, Any]:
    entry, stone = version.entry, version.tombstone
    return {
        "version": version.version,
        "release": version.release,
        "recorded_at": version.recorded_at,
        "title": entry.title if entry else "",
        "valid_from": entry.valid_from if entry else None,
        "valid_to": entry.valid_to if entry else None,
        "removed": stone.reason.value if stone else "",
        "successor": stone.successor if stone else "",
    }
