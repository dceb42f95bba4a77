"""`twelve333 handoff take|conference|again|watch`: what a consultant does while a call is live."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from ..core.routing.machine import HandoffState
from .common import Common, OptionalInput, connect, read_text
from .handoff import app, left_words, parse_context, show_view, view_row
from .output import print_json, print_line
from .tables import plain


@app.command
async def take(handoff: str, *, common: Common = Common()) -> None:
    """Take a call that rings at one of this node's units: the first who asks has it, and sees what the caller told so far.

    Args:
        handoff: id of the handoff.
    """
    async with connect(common) as node:
        show_view(await node.desk.take(handoff), common)


@app.command
async def conference(handoff: str, *, common: Common = Common()) -> None:
    """Report that three speak together; `connected` once the other side has the caller.

    Args:
        handoff: id of the handoff.
    """
    async with connect(common) as node:
        show_view(await node.handoffs.conference(handoff), common)


@app.command
async def again(
    handoff: str,
    *,
    region: str = "",
    topic: str = "",
    context_file: OptionalInput = None,
    id: str | None = None,
    common: Common = Common(),
) -> int:
    """Hand a call on once more that came back, past the units that had it; exit code 5 if none takes it and the last resort is left.

    Args:
        handoff: id of the handoff that came back.
        region: GB/T 2260 code of the place asked about, where it turned out to be another one.
        topic: classification code, where it turned out to be another one, e.g. 0102.
        context_file: file with lines `name: text`, in place of what was told before, kept for ten minutes; `-` reads standard input.
        id: id of the new handoff; made up if absent. Give the same again to repeat.
    """
    context = parse_context(read_text(context_file)) if context_file else None
    async with connect(common) as node:
        view = await node.handoffs.again(handoff, region=region, topic=topic, context=context, new_handoff_id=id)
    show_view(view, common)
    return 0 if view.handoff.state is not HandoffState.LAST_RESORT else 5


@app.command
async def watch(units: Annotated[list[str] | None, Parameter(consume_multiple=True)] = None, *, common: Common = Common()) -> None:
    """Tell each change of a call as it happens, one a line, until interrupted: those offered to units, and this profile's own.

    Args:
        units: units of this node; all of them if none is given.
    """
    async with connect(common) as node:
        async for view in node.desk.watch(units or ()):
            row = view_row(view) | {"state": "rings" if view.rings else view.handoff.state.value}
            if common.json:
                print_json(row | ({"next_units": list(view.next_units)} if view.is_back else {}))
            else:
                left = [left_words(view, common.language)] if view.is_back else []
                print_line("  ".join([*(plain(value) for value in row.values() if value), *left]))
