"""`twelve333 demo`: the whole federation on this machine, doing its main job on real data."""

from __future__ import annotations

from pathlib import Path

from cyclopts import App

from ...core.decision import Refused, refuse
from ..common import EXTRA_MISSING, Common

app = App(name="demo", help="Run the whole federation on this machine: hub, five province nodes, broker; real data, real outage.")


@app.default
async def demo(*, keep: Path | None = None, common: Common = Common()) -> int:
    """Start everything on loopback, do the main job, stop everything.

    Args:
        keep: folder (new or empty) in which data, settings and logs are kept; otherwise they are removed.
    """
    try:
        from .run import run_demo  # needs the extras [hub] and [node], which the rest of the command does not
    except ModuleNotFoundError as error:
        raise Refused(refuse(EXTRA_MISSING, extra="hub,node")) from error
    return await run_demo(keep, common)
