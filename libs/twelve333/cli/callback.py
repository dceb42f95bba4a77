"""`twelve333 callback`: what units owe callers whom nobody could take."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter

from ..client.callbacks import CallbackView
from ..core.decision import Code, Kind, Refused, refuse
from .common import Common, OptionalInput, connect, read_text
from .handoff import show_view
from .output import show, show_one

NUMBER_MISSING = Code("CLI_NUMBER_MISSING", Kind.INVALID)
app = App(
    name="callback",
    help="Callers whom nobody could take: called back, heard, or helped by a case. Ask a node, with a desk's profile of it.",
)
COLUMNS = ("id", "unit", "kind", "state", "entered_at", "priority", "misses", "not_before", "taken_by")


@app.command
async def ask(
    handoff: str, *, number_file: Annotated[Path, Parameter(allow_leading_hyphen=True)] = Path("-"), common: Common = Common()
) -> None:
    """Have the caller of a handoff that nobody took called back by the unit it names.

    Args:
        handoff: id of the handoff.
        number_file: file with the number, which nobody else on this machine shall see; standard input if absent.
    """
    if str(number_file) == "-" and sys.stdin.isatty():
        raise Refused(refuse(NUMBER_MISSING))
    number = read_text(number_file).strip()
    async with connect(common) as node:
        show_view(await node.callbacks.ask(handoff, number), common)


@app.command
async def message(handoff: str, *, recording: str, sha256: str, common: Common = Common()) -> None:
    """Hand a recorded message of the caller to the unit that the handoff names, as a task.

    Args:
        handoff: id of the handoff.
        recording: where the telephone system keeps it.
        sha256: hash of the recording, 64 hexadecimal digits.
    """
    digest = bytes.fromhex(sha256) if len(sha256) == 64 and set(sha256.lower()) <= set("0123456789abcdef") else b""
    async with connect(common) as node:
        show_view(await node.callbacks.leave_message(handoff, recording, digest), common)


@app.command(name="case")
async def open_case(handoff: str, *, summary_file: OptionalInput = None, common: Common = Common()) -> None:
    """Write a case instead, for the unit that was asked first; it has the id of the handoff.

    Args:
        handoff: id of the handoff.
        summary_file: file with what the caller wants, `-` reads standard input; made from the context if absent.
    """
    summary = read_text(summary_file).strip() if summary_file else ""
    async with connect(common) as node:
        show_view(await node.callbacks.open_case(handoff, summary), common)


@app.command(name="list")
async def list_callbacks(units: list[str] | None = None, *, everything: bool = False, common: Common = Common()) -> None:
    """List who waits to be called back, in the order of their turns.

    Args:
        units: of these units; of all of the node's if none is given.
        everything: those that are over as well.
    """
    async with connect(common) as node:
        line = await node.callbacks.list(units or (), everything=everything)
    show([_row(view) for view in line], COLUMNS, as_json=common.json)


@app.command
async def take(unit: str, *, take_id: str | None = None, common: Common = Common()) -> None:
    """Take the next one of a unit, with what the caller left; nobody picks.

    Args:
        unit: one of the node's, e.g. 350100.
        take_id: id of this taking; made up if absent. Give the same again to repeat.
    """
    async with connect(common) as node:
        view = await node.callbacks.take(unit, take_id=take_id)
    wish = view.wish
    left = {"number": wish.number, "recording": wish.recording, "recording_sha256": wish.recording_sha256.hex()}
    told = {item.name: item.text for item in wish.items}
    show_one(_row(view) | {name: text or None for name, text in left.items()} | {"context": told}, as_json=common.json)


@app.command
async def done(callback: str, *, common: Common = Common()) -> None:
    """Report that the caller was reached, or the message heard and answered.

    Args:
        callback: id of the callback.
    """
    async with connect(common) as node:
        show_one(_row(await node.callbacks.done(callback)), as_json=common.json)


@app.command
async def missed(callback: str, *, common: Common = Common()) -> None:
    """Report that the caller was not reached; he keeps his place.

    Args:
        callback: id of the callback.
    """
    async with connect(common) as node:
        show_one(_row(await node.callbacks.missed(callback)), as_json=common.json)


def _row(view: CallbackView) -> dict[str, Any]:
    callback = view.callback
    return {
        "id": callback.call.id,
        "unit": callback.unit,
        "from_unit": callback.from_unit,
        "kind": callback.kind.value,
        "state": callback.state.value,
        "entered_at": callback.entered_at.isoformat(timespec="seconds"),
        "priority": callback.call.priority,
        "misses": callback.misses,
        "not_before": callback.not_before.isoformat(timespec="seconds") if callback.not_before else None,
        "taken_by": callback.taken_by or None,
    }
