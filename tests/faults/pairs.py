"""Two faults at once: the second strikes while the first lasts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Final

from .clocks import MINUTES, Clocks
from .crashes import BROKER, JIANGSU, SHANGHAI, full_disk
from .load import Load
from .messages import Mischief, tapped
from .run import Fault
from .stage import HUB, Stage
from .trust import renew_all

PAIR_BACKUP: Final = "pair.backup"


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


@asynccontextmanager
async def node_restored_behind_a_partition(stage: Stage, load: Load) -> AsyncIterator[None]:
    """It comes back from its backup with no road to anybody, begins a new epoch alone, and only then the roads come back."""
    await restored_copy(stage, load, lambda: _stall(stage, JIANGSU))
    load.resume(JIANGSU)
    await load.accepts(4)
    stage.heal()
    yield


@asynccontextmanager
async def store_wiped_while_a_node_is_restored(stage: Stage, load: Load) -> AsyncIterator[None]:
    """What the broker still held for the restored node is gone too."""

    async def wipe() -> None:
        await stage.kill(BROKER)
        stage.wipe_broker()

    await restored_copy(stage, load, wipe)
    load.resume(JIANGSU)
    await load.accepts(4)
    await stage.start(BROKER)
    yield


async def restored_copy(stage: Stage, load: Load, meanwhile: Callable[[], Awaitable[None]]) -> None:
    """Back Jiangsu up, let the others tell it more, do something else, and start it from the backup; its own people rest."""
    folder = stage.member(JIANGSU).folder
    where = ["--config", folder / "node.toml"]
    await load.rest(JIANGSU)
    await stage.federation.command("node", "backup", folder / PAIR_BACKUP, *where, member=JIANGSU)
    await load.accepts(8, SHANGHAI)
    await stage.kill(JIANGSU)
    await meanwhile()
    await stage.federation.command("node", "restore", folder / PAIR_BACKUP, *where, "--replace", member=JIANGSU)
    await stage.start(JIANGSU)


async def _stall(stage: Stage, name: str) -> None:
    for proxy in stage.around(name):
        proxy.stall()


@asynccontextmanager
async def clock_jumps_in_a_partition(stage: Stage, load: Load) -> AsyncIterator[None]:
    """The clock of a node that nobody reaches is a day ahead, then five minutes behind, then right."""
    clocks = Clocks(stage, [JIANGSU])
    await clocks.begin()
    await _stall(stage, JIANGSU)
    for off in (timedelta(days=1), -MINUTES, timedelta()):
        clocks.set(off)
        await load.accepts(4)
    stage.heal()
    await clocks.end()
    yield


@asynccontextmanager
async def hub_dies_during_rotation(stage: Stage, load: Load) -> AsyncIterator[None]:
    """Certificates are due, the hub that would renew them dies between issuing authority and leaves, and starts again."""
    await stage.federation.command("hub", "rotate-issuing", "--directory", stage.federation.hub.folder, member=HUB)
    await stage.kill(HUB)
    renewing = asyncio.ensure_future(renew_all(stage, load))
    await load.accepts(6)
    await stage.start(HUB)
    await renewing
    yield


@asynccontextmanager
async def broker_dies_while_messages_repeat(stage: Stage, load: Load) -> AsyncIterator[None]:
    """Copies are on their way when the broker dies, and it comes back empty."""
    async with tapped(stage, Mischief().repeat):
        for _ in range(2):
            await load.accepts(4)
            await stage.kill(BROKER)
            stage.wipe_broker()
            await load.accepts(2)
            await stage.start(BROKER)
        await load.accepts(4)
    yield


@asynccontextmanager
async def node_dies_with_a_full_disk(stage: Stage, load: Load) -> AsyncIterator[None]:
    """It cannot write, is killed in the middle of trying, and starts on a disk with room."""
    async with full_disk(stage, load):
        await stage.kill(JIANGSU)
    await stage.start(JIANGSU)
    yield


FAULTS: Final = (
    Fault("pair.node_dies_in_a_partition", node_dies_in_a_partition),
    Fault("pair.hub_dies_and_store_is_wiped", hub_dies_and_store_is_wiped),
    Fault("pair.peer_dies_while_broker_is_away", peer_dies_while_broker_is_away),
    Fault("pair.node_dies_on_a_lossy_link", node_dies_on_a_lossy_link),
    Fault("pair.clock_jumps_in_a_partition", clock_jumps_in_a_partition),
    Fault("pair.hub_dies_during_rotation", hub_dies_during_rotation),
    Fault("pair.broker_dies_while_messages_repeat", broker_dies_while_messages_repeat),
    Fault("pair.node_dies_with_a_full_disk", node_dies_with_a_full_disk),
    Fault("pair.node_restored_behind_a_partition", node_restored_behind_a_partition, counting=False),
    Fault("pair.store_wiped_while_a_node_is_restored", store_wiped_while_a_node_is_restored, counting=False),
)
