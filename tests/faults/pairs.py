"""Two faults at once: the second strikes while the first lasts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from .crashes import BROKER, JIANGSU, SHANGHAI
from .load import Load
from .run import Fault
from .stage import HUB, Stage


@asynccontextmanager
async def node_dies_in_a_partition(stage: Stage, load: Load) -> AsyncIterator[None]:
    """It starts again with no road to anybody, works on, and only then the roads come back."""
    for proxy in stage.around(JIANGSU):
        proxy.stall()
    await load.accepts(4)
    await stage.kill(JIANGSU)
    await stage.start(JIANGSU)
    await load.accepts(4)
    stage.heal()
    yield


@asynccontextmanager
async def hub_dies_and_store_is_wiped(stage: Stage, load: Load) -> AsyncIterator[None]:
    """Nothing of the ministry's is left but the hub's database; nodes work on straight with each other."""
    await stage.kill(HUB, BROKER)
    stage.wipe_broker()
    await load.accepts(8)
    await stage.start(BROKER, HUB)
    yield


@asynccontextmanager
async def peer_dies_while_broker_is_away(stage: Stage, load: Load) -> AsyncIterator[None]:
    """Neither the broker nor the straight road leads to it."""
    await stage.kill(BROKER, SHANGHAI)
    await load.accepts(6, JIANGSU)
    await stage.start(SHANGHAI)
    await load.accepts(4)
    await stage.start(BROKER)
    yield


@asynccontextmanager
async def node_dies_on_a_lossy_link(stage: Stage, load: Load) -> AsyncIterator[None]:
    """Killed in the middle of resends, three times."""
    for proxy in stage.around(JIANGSU):
        proxy.slow(0.1, 0.05)
    for _ in range(3):
        await load.accepts(4)
        await stage.kill(JIANGSU)
        await stage.start(JIANGSU)
    stage.heal()
    yield


FAULTS: Final = (
    Fault("pair.node_dies_in_a_partition", node_dies_in_a_partition),
    Fault("pair.hub_dies_and_store_is_wiped", hub_dies_and_store_is_wiped),
    Fault("pair.peer_dies_while_broker_is_away", peer_dies_while_broker_is_away),
    Fault("pair.node_dies_on_a_lossy_link", node_dies_on_a_lossy_link),
)
