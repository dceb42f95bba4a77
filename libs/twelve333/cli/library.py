"""`twelve333 library`: publish at the hub; search and read anywhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter

from ..client.connection import Connection
from ..client.library import Rejected
from ..core.decision import Code, Kind, Refused, refuse
from ..core.library.copying import Lane
from ..core.library.model import EntryKind, Tombstone, TombstoneReason
from . import library_blobs as blobs
from . import library_check as check
from . import library_content as content
from . import library_demand as demand_commands
from . import library_export as export_command
from . import library_topics as topic_commands
from . import proposals, supplement
from .common import Common, Count, connect, titled
from .library_content import day_of
from .library_files import Reading, WrongFile, read_files, readable_files, sample_entries
from .library_output import hit_row, progress, show_as_of, show_hits, show_wrong, summary_row
from .output import print_json, show, show_one

NOTHING_TO_PUBLISH = Code("CLI_NOTHING_TO_PUBLISH", Kind.INVALID)
IMPORT_REJECTED = Code("CLI_IMPORT_REJECTED", Kind.INVALID)

app = App(
    name="library",
    help="The national resource library: publish, import and remove at the hub (an operator's profile); search, show and list anywhere.",
)
COMMANDS: dict[str, Callable[..., Any]] = {
    "show": content.show_entry,
    "list": content.list_entries,
    "due": content.due,
    "history": content.history,
    "verify": check.verify,
    "attach": blobs.attach,
    "fetch": blobs.fetch,
    "playing": blobs.playing,
    "report-playing": blobs.report_playing,
    "hot": demand_commands.hot,
    "zero-hits": demand_commands.zero_hits,
    "topics": topic_commands.topics,
    "unmapped": topic_commands.unmapped,
    "map": topic_commands.map_topic,
    "export": export_command.export,
}
for name, command in COMMANDS.items():
    app.command(command, name=name)
for name, going_up in proposals.COMMANDS.items():
    app.command(going_up, name=name)
app.command(supplement.app)
Strict = Annotated[bool, Parameter(negative="")]


@app.command
async def publish(*files: Path, sample: Strict = False, strict: Strict = False, lane: Lane | None = None, common: Common = Common()) -> int:
    """Publish entries as one signed release; those already there unchanged are left alone.

    Args:
        files: Markdown, Word, CSV or Excel files, as `import` reads them.
        sample: also the sample library that comes with the program.
        strict: all or nothing.
        lane: urgent (a correction, past every cap), normal, or bulk (when nothing else waits).
    """
    if not files and not sample:
        raise Refused(refuse(NOTHING_TO_PUBLISH))
    reading = Reading(sample_entries() if sample else [])
    for file in files:
        one = read_files(file, readable_files(file), common.language)
        reading.entries += one.entries
        reading.places |= one.places
        reading.attached |= one.attached
        reading.wrong += one.wrong
    return await _send(reading, strict, lane, common)


@app.command(name="import")
async def import_folder(folder: Path, *, strict: Strict = False, common: Common = Common()) -> int:
    """Publish a folder, or one file: Markdown and Word files, an entry each; CSV and Excel files, an entry a row.

    What is not in order is reported with file, row, column and reason, and the rest goes in; several dates of one title become versions.

    Args:
        folder: e.g. with `national/…`, `350000/…`; see docs/library.md for names and columns.
        strict: one wrong file or row, and nothing goes in.
    """
    paths = readable_files(folder)
    with progress(common, "reading", len(paths)) as advance:
        reading = read_files(folder, _counted(paths, advance), common.language, imported=True)
    return await _send(reading, strict, Lane.BULK, common)


@app.command
async def remove(entry: str, *, reason: TombstoneReason, successor: str = "", common: Common = Common()) -> None:
    """Take an entry out of the library of every node.

    A rule that has only ended stays, published anew with its valid_to: callers ask about old years, and --as-at finds it then.

    Args:
        entry: its id.
        reason: repealed, withdrawn, merged or published_in_error.
        successor: id of the entry to read instead.
    """
    async with connect(common) as hub:
        done = await hub.library.publish(removals=[(entry, Tombstone(reason, successor))], strict=True)
    show_one(summary_row(done), as_json=common.json)


@app.command
async def search(
    query: str,
    *,
    region: str = "",
    as_at: str = "",
    kind: EntryKind | None = None,
    topic: str = "",
    limit: Count = 10,
    any_time: Strict = False,
    common: Common = Common(),
) -> None:
    """Find entries by words (工伤) or a question as callers ask it (我在外地打工老板不发工资怎么办).

    Args:
        query: what to look for.
        region: the caller's unit, e.g. 350100: its rules come first, then its province's, then national ones; at a node its own province.
        as_at: in force on this date, e.g. 2010-06-30; today if absent.
        kind: only policy, guide, qa or case.
        topic: only under this classification code, e.g. 04.
        limit: hits wanted, 1 to 50.
        any_time: also what is not in force.
    """
    async with connect(common) as replica:
        found = await replica.library.search(
            query, region=region, as_at=day_of(as_at), include_not_in_force=any_time, kind=kind, topic=topic, limit=limit
        )
    show_as_of(found.as_of, common)
    if common.json:
        rows = [hit_row(hit, found.as_at) for hit in found.hits]
        print_json({"total": found.total, "release": found.release, "as_at": found.as_at, "as_of": found.as_of, "hits": rows})
    else:
        show_hits(found, found.as_at)


@app.command
async def release(*, common: Common = Common()) -> None:
    """Show which signed release this replica holds; at the hub, also what every node reported."""
    async with connect(common) as replica:
        held = await replica.library.release()
    row = {
        "release": held.release.number,
        "epoch": held.release.epoch,
        "entries": held.release.entry_count,
        "root": held.release.root.hex(),
        "made_at": held.release.made_at.isoformat(),
        "applied_at": held.applied_at.isoformat(),
        "last_refusal": held.last_refusal,
        "expires_at": held.release.expires_at,
        "as_of": held.as_of,
    }
    show_as_of(held.as_of, common)
    replicas = [asdict(replica) for replica in held.replicas]
    show_one({**row, "replicas": replicas} if common.json else row, as_json=common.json)
    if replicas and not common.json:
        show(
            replicas, ("member", "number", "last_refusal", "reported_at"), as_json=False, title=titled("NODES", common, count=len(replicas))
        )


async def _send(reading: Reading, strict: bool, lane: Lane | None, common: Common) -> int:
    """Publish what was read and report what was left out; 1 if anything was, 8 if some wait for their codes to be mapped."""
    if strict and reading.wrong:
        show_wrong(reading.wrong, common)
        raise Refused(refuse(IMPORT_REJECTED, count=len(reading.wrong)))
    async with connect(common) as hub:
        await _attach(hub, reading, common)
        with progress(common, "sending", len(reading.entries)) as advance:
            done = await hub.library.publish(reading.entries, strict=strict, lane=lane, sent=lambda count: advance())
    refused = [_left_out(reading, one) for one in done.rejected]
    wrong = [*reading.wrong, *refused]
    if common.json:
        print_json({**summary_row(done), "left_out": [asdict(one) for one in wrong], "queued": [one.entry_id for one in done.queued]})
    else:
        show_one({**summary_row(done), "left_out": len(wrong), "queued": len(done.queued)}, as_json=False)
        show_wrong(wrong, common)
    return 1 if wrong else 8 if done.queued else 0


async def _attach(hub: Connection, reading: Reading, common: Common) -> None:
    """Bring the files of the entries to the hub, which takes an entry only with all of its files."""
    with progress(common, "files", sum(map(len, reading.attached.values()))) as advance:
        for place, entry in enumerate(reading.entries):
            files = []
            for path in reading.attached.get(entry.id, []):
                blobs.pieces_in(path)
                files.append(await hub.library_blobs.upload(path))
                advance()
            if files:
                reading.entries[place] = replace(entry, attachments=tuple(files))


def _left_out(reading: Reading, one: Rejected) -> WrongFile:
    """What the hub did not take, by the place where it stands."""
    file, row = reading.places.get(one.entry_id, (one.entry_id, 0))
    return WrongFile(file, one.code, one.message if row else f"{one.field}: {one.message}", row, one.field if row else "")


def _counted(paths: list[Path], advance: Any) -> Iterator[Path]:
    for path in paths:
        advance()
        yield path
