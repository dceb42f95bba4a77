"""The demo from first to last: start, main job, outage, summary; whatever happens, what was started is stopped."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter

from ...core.decision import Code, Kind, Refused, refuse
from ..common import Common
from ..output import print_json
from .cases import move_a_case
from .coverage import register_units
from .federation import Federation
from .figures import Figures
from .handoffs import hand_calls_over
from .library import publish_library
from .outage import survive_an_outage
from .stage import Stage
from .summary import measure, summarise
from .telling import Teller

PROVINCES = ("320000", "360000", "350000", "230000", "310000")
FOLDER_USED = Code("DEMO_FOLDER_USED", Kind.CONFLICT)


async def run_demo(keep: Path | None, common: Common) -> int:
    """Run the demo and return its exit code.

    Args:
        keep: folder to keep everything in; a temporary one otherwise.
        common: language, and whether to print JSON.

    Raises:
        Refused: something needed is missing or did not come up, named.
    """
    began = perf_counter()
    tell = Teller(common.language, quiet=common.json)
    with _folder(keep) as folder:
        stage = Stage(Federation(folder, tell.say), tell)
        try:
            await _main_job(stage)
        finally:
            await stage.federation.stop()
    stage.figures.seconds = round(perf_counter() - began, 1)
    if common.json:
        print_json(stage.figures.as_json())
    else:
        summarise(stage, keep)
    return 0 if _kept_the_promises(stage.figures) else 1


async def _main_job(stage: Stage) -> None:
    stage.tell.title("DEMO_TITLE")
    stage.tell.section("DEMO_START")
    await stage.federation.start_hub()
    await stage.federation.add_nodes(PROVINCES)
    stage.figures.nodes = len(stage.federation.nodes)
    await register_units(stage)
    await publish_library(stage)
    await hand_calls_over(stage)
    await move_a_case(stage)
    await survive_an_outage(stage)
    await measure(stage)


def _kept_the_promises(figures: Figures) -> bool:
    """A demo that loses or doubles anything has failed, whatever it printed."""
    return figures.outage.lost == 0 and figures.outage.duplicated == 0 and figures.outage.delivered == figures.outage.queued


@contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    if keep is None:
        with tempfile.TemporaryDirectory(prefix="twelve333-demo-") as made:
            yield Path(made)
        return
    keep.mkdir(parents=True, exist_ok=True)
    if any(keep.iterdir()):
        raise Refused(refuse(FOLDER_USED, path=keep))
    yield keep.resolve()
