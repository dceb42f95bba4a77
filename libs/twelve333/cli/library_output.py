"""How the library looks on a terminal: rows for tables and JSON, hits with the words found, a progress bar."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from ..client.library import Found, Hit, Published, Stored
from ..core.library.model import Entry, KnownLink, LinkKind
from .common import Common
from .library_files import WrongFile
from .output import console, show


def show_wrong(wrong: list[WrongFile], common: Common) -> None:
    """Print the files that were left out, each with its reason."""
    if wrong and not common.json:
        show([asdict(one) for one in wrong], ("file", "code", "message"), as_json=False, title=f"{len(wrong)} files left out")


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


def hit_row(hit: Hit) -> dict[str, Any]:
    """A hit."""
    entry = hit.entry
    return {
        "id": entry.id,
        "kind": entry.kind.value,
        "title": entry.title,
        "region": entry.region,
        "topics": list(entry.topics),
        "article": hit.article,
        "snippet": hit.snippet,
        "matched": list(hit.matched),
        "lane": "literal" if hit.literal else "spoken",
        "in_force": hit.in_force,
        "score": hit.score,
    }


def show_hits(found: Found) -> None:
    """Hits below each other, the words found in bold."""
    console.print(f"[bold]{found.total}[/bold] found in release {found.release}")
    for place, hit in enumerate(found.hits, 1):
        entry, notes = hit.entry, "" if hit.in_force else " [red](not in force)[/red]"
        named = f"[dim]{entry.id} · {entry.kind.value} · {entry.region}[/dim]"
        console.print(f"\n[bold]{place}. {escape(entry.title)}[/bold]{notes}  {named}")
        text = Text(f"{hit.article} {hit.snippet}".strip())
        text.highlight_words(hit.matched, "bold underline", case_sensitive=False)
        console.print(text)


@contextmanager
def progress(common: Common, what: str, total: int) -> Iterator[Any]:
    """A progress bar on standard error for people, nothing for programs; gives a function to call for each thing done."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=common.json) as bar:
        task = bar.add_task(what, total=total)
        yield lambda: bar.advance(task)
