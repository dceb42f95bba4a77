"""`twelve333 audit`: check a member's audit log, and show the heads that it witnessed of others."""

from __future__ import annotations

import json
from collections import deque
from dataclasses import asdict
from datetime import date, datetime
from pathlib import Path
from typing import Final

from cyclopts import App

from ..adapters.clock import system_clock
from ..catalogue.catalogue import sentence
from ..client.audit import Witnessed
from ..client.errors import ServiceError
from ..core.audit.codes import HEADS_UNREADABLE, RESTORED_AHEAD
from ..core.audit.model import Head, Record
from ..core.audit.verifying import Verifier
from ..core.decision import Refused, refuse
from .common import Common, Count, connect, read_text, start_of
from .output import complain, print_json, show, show_one
from .typed_times import in_china

CHECK_FAILED: Final = 5

app = App(name="audit", help="Who did what and who looked at what: check the log, show what others witnessed.")


@app.command
async def verify(*, heads: tuple[Path, ...] = (), restored_at: datetime | None = None, common: Common = Common()) -> int:
    """Check every record of the hub's or node's audit log, and that what others witnessed of it is still there.

    Its witnesses are asked through it: of a node the hub and two provinces, of the hub three provinces. To depend on nobody here, have
    `audit heads` run at the witnesses and give the files. Exit code 5 if something is wrong; the first bad record is named.

    Args:
        heads: file with heads witnessed elsewhere, as `audit heads --json` prints them, instead of asking; may be given several times.
        restored_at: when a backup was last restored here on purpose, Beijing time: what others witnessed before then may be lost with
            the records since the backup, and is counted; what they witnessed later must be there.
    """
    restored = _restored(restored_at)
    async with connect(common) as member:
        name = member.member
        found = Witnessed([head for path in heads for head in _read(path)], tuple(map(str, heads)), ())
        if not heads:
            try:
                found = await member.audit.witnesses(name)
            except ServiceError as error:
                found = Witnessed([], (), (error.code,))
        verifier = Verifier(found.heads, restored)
        wrong = None
        async for record in member.audit.records():
            wrong = verifier.take(record)
            if wrong:
                break
        wrong = wrong or verifier.end()
    if wrong:
        complain(wrong.code.name, sentence(wrong.code.name, wrong.params, common.language), [], as_json=common.json)
        return CHECK_FAILED
    result = {"member": name, "records": verifier.head.sequence, "head": verifier.head.digest.hex()}
    counted = {"witnessed_heads": len(found.heads), "lost_heads": verifier.lost}
    compared = {"compared_with": list(found.asked), "silent": list(found.silent)}
    show_one({**result, **counted, **compared}, as_json=common.json)
    return 0


@app.command(name="show")
async def show_records(
    *, last: Count = 50, since: date | None = None, actor: str = "", action: str = "", subject: str = "", common: Common = Common()
) -> None:
    """Show who did what and how it ended, the newest last. Nothing personal is in it.

    Args:
        last: so many of those that match.
        since: from that day on, Beijing time, e.g. 2026-11-01.
        actor, action, subject: only records in which it occurs, e.g. `320000`, `cases.read`, a case's id.
    """
    start, found = start_of(since), deque[Record](maxlen=max(last, 0))
    async with connect(common) as member:
        async for record in member.audit.records():
            entry = record.entry
            if (start is None or entry.at >= start) and actor in entry.actor and action in entry.action and subject in entry.subject:
                found.append(record)
    rows = [{"sequence": each.sequence, **asdict(each.entry), "at": each.entry.at.isoformat(timespec="seconds")} for each in found]
    show(rows, ("sequence", "at", "role", "actor", "action", "subject", "outcome"), as_json=common.json)


@app.command(name="heads")
async def list_heads(member: str, *, common: Common = Common()) -> None:
    """Show the heads that this hub or node witnessed of another member's audit log.

    Args:
        member: `hub` or a province code.
    """
    async with connect(common) as here:
        found = await here.audit.heads(member)
    rows = [
        {"sequence": head.sequence, "digest": head.digest.hex(), "told_at": head.told_at.isoformat() if head.told_at else None}
        for head in found
    ]
    if common.json:
        print_json(rows)
        return
    show(rows, ("sequence", "digest", "told_at"), as_json=False)


def _restored(typed: datetime | None) -> datetime | None:
    """A time ahead would excuse whatever is cut off until then."""
    restored = in_china(typed) if typed else None
    if restored and restored > system_clock():
        raise Refused(refuse(RESTORED_AHEAD, at=restored.isoformat(timespec="minutes")))
    return restored


def _read(path: Path) -> list[Head]:
    try:
        return [_head(each, str(path)) for each in json.loads(read_text(path))]
    except (ValueError, KeyError, TypeError) as error:
        raise Refused(refuse(HEADS_UNREADABLE, path=path)) from error


def _head(row: dict[str, str], witness: str) -> Head:
    told_at = datetime.fromisoformat(row["told_at"]) if row.get("told_at") else None
    return Head(int(row["sequence"]), bytes.fromhex(row["digest"]), witness, told_at)
