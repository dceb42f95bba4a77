"""How the library looks on a terminal: rows for tables and JSON, hits with the words found, a progress bar."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import date, datetime
from typing import Any, Final

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from ..client.library import Found, Hit, Published, Stored
from ..core.library.citing import Caution, Note
from ..core.library.model import Entry, KnownLink, LinkKind
from .common import Common, titled
from .library_files import WrongFile
from .output import console, show
from .supplement import show_supplements, supplement_row

_CAUTIONS: Final = {
    Caution.NOT_YET: "in force only from",
    Caution.ENDED: "not in force since",
    Caution.REPEALED: "repealed",
    Caution.REPLACED: "replaced",
    Caution.AMENDED: "amended, not yet written into this text:",
}


def show_wrong(wrong: list[WrongFile], common: Common) -> None:
    """Print the files that were left out, each with its reason."""
    if wrong and not common.json:
        columns = ("file", "row", "column", "code", "message") if any(one.row for one in wrong) else ("file", "code", "message")
        show([asdict(one) for one in wrong], columns, as_json=False, title=titled("LEFT_OUT", common, count=len(wrong)))


def summary_row(done: Published) -> dict[str, Any]:
    """What became of a publication."""
    release = done.release
    return {
        "release": release.number if release else 0,
        "entries": release.entry_count if release else 0,
        "added": done.added,
        "changed": done.changed,
        "removed": done.removed,
        "unchanged": done.unchanged,
    }


def entry_row(stored: Stored) -> dict[str, Any]:
    """An entry without its text."""
    entry = stored.entry
    return {
        "id": entry.id,
        "kind": entry.kind.value,
        "title": entry.title,
        "region": entry.region,
        "topics": list(entry.topics),
        "valid_from": entry.valid_from,
        "valid_to": entry.valid_to,
        "version": stored.version,
        "release": stored.release,
        "recorded_at": stored.recorded_at,
    }


def provenance_row(entry: Entry) -> dict[str, Any]:
    """Where an entry comes from and who keeps it right."""
    return {
        "issuing_body": entry.issuing_body,
        "document_number": entry.document_number,
        "owner_unit": entry.owner_unit,
        "review_due": entry.review_due,
        "sources": list(entry.sources),
        "document": entry.document,
        "applies_from": entry.applies_from,
        "applies_to": entry.applies_to,
        "links": [f"{link.kind.value} {link.target} {link.since or ''}".strip() for link in entry.links],
        "provenance": [
            {"step": step.step.value, "by": step.by, "on": step.on, "reference": step.reference, "digest": step.digest.hex()}
            for step in entry.provenance
        ],
        "attachments": [
            {"name": file.name, "media_type": file.media_type, "size": file.size, "sha256": file.digest.hex()} for file in entry.attachments
        ],
    }


REVERSED = {
    LinkKind.AMENDS: "amended by",
    LinkKind.REPEALS: "repealed by",
    LinkKind.REPLACES: "replaced by",
    LinkKind.INTERPRETS: "interpreted by",
    LinkKind.IMPLEMENTS: "implemented by",
}


def known_row(known: KnownLink) -> dict[str, Any]:
    """A link seen from its target."""
    return {"says": REVERSED[known.kind], "id": known.entry_id, "title": known.title, "since": known.since, "applied": known.applied}


def hit_row(hit: Hit, day: date) -> dict[str, Any]:
    """A hit, for somebody who asks about `day`."""
    entry = hit.entry
    return {
        "id": entry.id,
        "kind": entry.kind.value,
        "title": entry.title,
        "region": entry.region,
        "topics": list(entry.topics),
        "chapter": hit.chapter,
        "article": hit.article,
        "sentence": hit.sentence,
        "citation": hit.citation,
        "snippet": hit.snippet,
        "matched": list(hit.matched),
        "lane": "literal" if hit.literal else "spoken",
        "in_force": hit.in_force,
        "notes": [note_row(note) for note in hit.notes(day)],
        "score": hit.score,
        "supplements": [supplement_row(one) for one in hit.supplements],
        "supplement_matches": [
            {"id": one.supplement_id, "snippet": one.snippet, "matched": list(one.matched)} for one in hit.supplement_matches
        ],
    }


def note_row(note: Note) -> dict[str, Any]:
    """What must be said with an entry."""
    return {"caution": note.caution.value, "day": note.day, "id": note.entry_id, "title": note.title}


def show_as_of(as_of: datetime | None, common: Common) -> None:
    """The banner over what may not pass for the present library; on standard error, so that it is seen beside JSON too."""
    if as_of:
        when = as_of.astimezone().isoformat(timespec="minutes")
        Console(stderr=True).print(f"[bold red]Library as of {when}: the hub has vouched for nothing newer since.[/bold red]")


def _counted(found: Found) -> str:
    """How many were found, and how: `total` counts those as typed where there are any; the list is filled up by the words."""
    typed = sum(hit.literal for hit in found.hits)
    how = "" if not found.hits else " as typed" if typed else " by the words of the question"
    more = f", {len(found.hits) - typed} more by the words of the question" if 0 < typed < len(found.hits) else ""
    return f"[bold]{found.total}[/bold] found{how}{more}"


def show_hits(found: Found, day: date) -> None:
    """Hits below each other: the words found underlined, what must be said with them in red, the line to copy last."""
    console.print(f"{_counted(found)} in release {found.release}, as at {day.isoformat()}")
    for place, hit in enumerate(found.hits, 1):
        entry = hit.entry
        named = f"[dim]{entry.id} · {entry.kind.value} · {entry.region}[/dim]"
        console.print(f"\n[bold]{place}. {escape(entry.title)}[/bold]  {named}")
        for note in hit.notes(day):
            since = f" {note.day.isoformat()}" if note.day else ""
            by = f" by {note.title} ({note.entry_id})" if note.entry_id else ""
            console.print(f"   [red]{_CAUTIONS[note.caution]}{since}{escape(by)}[/red]")
        text = Text(f"{hit.article} {hit.snippet}".strip())
        text.highlight_words(hit.matched, "bold underline", case_sensitive=False)
        console.print(text)
        console.print(f"[dim]{escape(hit.citation)}[/dim]", soft_wrap=True)
        show_supplements(hit.supplements, {one.supplement_id: one.matched for one in hit.supplement_matches})


@contextmanager
def progress(common: Common, what: str, total: int) -> Iterator[Any]:
    """A progress bar on standard error for people, nothing for programs and files; gives a function to call for each thing done."""
    errors = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=errors, transient=True, disable=common.json or not errors.is_terminal) as bar:
        task = bar.add_task(what, total=total)
        yield lambda: bar.advance(task)
