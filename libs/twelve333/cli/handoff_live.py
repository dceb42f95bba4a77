"""`twelve333 handoff take|conference|watch`: what a consultant does while a call is live."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from .common import Common, connect
from .handoff import app, show_view, view_row
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
async def watch(units: Annotated[list[str] | None, Parameter(consume_multiple=True)] = None, *, common: Common = Common()) -> None:
    """Tell each change of a call as it happens, one a line, until interrupted: those offered to units, and this profile's own.

    Args:
        units: units of this node; all of them if none is given.
    """
    async with connect(common) as node:
        async for view in node.desk.watch(units or ()):
            row = view_row(view) | {"state": "rings" if view.rings else view.handoff.state.value}
            if common.json:
                print_json(row)
            else:
                print_line("  ".join(plain(value) for value in row.values() if value))
