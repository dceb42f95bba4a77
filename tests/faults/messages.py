"""Messages that come twice, in another order, or a day late: on the road between each member and the broker."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from twelve333.adapters.processes import free_ports
from twelve333.cli.demo.stage import until

from .clocks import Clocks
from .load import Load
from .run import Breaking, Fault
from .stage import HUB, Stage
from .tap import Meddle, Send, Tap

SEED: Final = 12333
SHUFFLED: Final = 6
HELD_SECONDS: Final = 0.3
EACH: Final = 3  # every third message is late
DAY: Final = timedelta(days=1)


@dataclass
class Mischief:
    """What is done to messages, the same for every road; `count` says how often it was done."""

    count: int = 0
    draw: random.Random = field(default_factory=lambda: random.Random(SEED))
    kept: list[tuple[bytes, Send]] = field(default_factory=list)

    def repeat(self, frame: bytes, send: Send) -> None:
        """Everything three times, the last time later."""
        self.count += 1
        send(frame)
        send(frame)
        asyncio.get_running_loop().call_later(HELD_SECONDS, send, frame)

    def shuffle(self, frame: bytes, send: Send) -> None:
        """A few are held and leave in any order, at the latest after a moment."""
        self.kept.append((frame, send))
        if len(self.kept) >= SHUFFLED:
            self.release()
        else:
            asyncio.get_running_loop().call_later(HELD_SECONDS, self.release)

    def keep_some(self, frame: bytes, send: Send) -> None:
        """Some do not leave before they are released."""
        self.count += 1
        if self.count % EACH:
            send(frame)
        else:
            self.kept.append((frame, send))

    def release(self) -> None:
        """Send what is kept, in any order, on whatever session its road has now."""
        self.count += len(self.kept) > 1
        self.draw.shuffle(self.kept)
        for frame, send in self.kept:
            send(frame)
        self.kept.clear()


@asynccontextmanager
async def tapped(stage: Stage, meddle: Meddle) -> AsyncIterator[None]:
    """Every member's road to the broker leads through a tap."""
    broker = stage.federation.hub.folder / "broker"
    async with AsyncExitStack() as stack:
        for name, proxy in stage.to_broker.items():
            member = stage.member(name).folder / "pki" / "federation"
            tap = Tap(free_ports(1)[0], proxy.far_end(), broker, member, meddle)
            await tap.start()
            stack.push_async_callback(tap.stop)
            stack.callback(proxy.redirect(tap.port))
        await until("everybody is back at the broker", lambda: _all_connected(stage), 60.0)
        yield


async def _all_connected(stage: Stage) -> bool:
    for name in (HUB, *stage.provinces):
        async with stage.member(name).connect() as member:
            if not (await member.delivery.status()).broker_connected:
                return False
    return True


def meddled(how: str, times: int) -> Breaking:
    """Work goes on while it happens, until it has happened often enough."""

    @asynccontextmanager
    async def breaking(stage: Stage, load: Load) -> AsyncIterator[None]:
        mischief = Mischief()
        async with tapped(stage, getattr(mischief, how)):
            await load.accepts(20)

            async def enough() -> bool:
                return mischief.count >= times

            await until(f"{how} {times} times", enough, 60.0)
            mischief.release()
        yield

    return breaking


@asynccontextmanager
async def a_day_late(stage: Stage, load: Load) -> AsyncIterator[None]:
    """Every third message to the broker does not leave until it is tomorrow by everybody's clock; others took its place long ago."""
    clocks, mischief = Clocks(stage, (HUB, *stage.provinces)), Mischief()
    await clocks.begin()
    async with tapped(stage, mischief.keep_some):
        await load.accepts(20)
        clocks.set(DAY)
        await load.accepts(10)
        late = len(mischief.kept)
        assert late > EACH, "hardly anything was late"
        mischief.release()
        await load.accepts(10)
    yield


FAULTS: Final = (
    Fault("messages.three_times", meddled("repeat", 100), short=meddled("repeat", 20)),
    Fault("messages.out_of_order", meddled("shuffle", 20), short=meddled("shuffle", 5)),
    Fault("messages.a_day_late", a_day_late, fresh=True),
)
