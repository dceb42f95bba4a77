"""A network that really loses packets: connections lead over a device of this machine whose packets pass through here.

Needs root and /dev/net/tun. A packet to the far address comes back as one from it to the near address, late or not at all, so a
connection dialled to the far address arrives at a listener on the near one; the kernel's own TCP finds out what is missing and sends it
again. Swapping the two addresses leaves the checksums right.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import random
import struct
import subprocess
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Final

from twelve333.adapters.processes import free_ports
from twelve333.cli.demo.stage import until

from .crashes import JIANGSU, SHANGHAI
from .load import Load
from .proxy import Proxy
from .run import Breaking, Fault, Skipped
from .stage import HUB, Stage

SEED: Final = 12333
DEVICE: Final = Path("/dev/net/tun")
NAME: Final = "t333lossy"
NEAR, FAR, NETWORK_BITS = "198.18.33.1", "198.18.33.2", 30  # of the range for benchmarks: leads nowhere else (RFC 2544)
_TUNSETIFF, _IFF_TUN, _IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
_PACKET_BYTES_MAX: Final = 65_536


class LossyLink:
    """The device; `packets` and `lost` count what passed and what did not.

    Args:
        delay_s: of each packet, each way.
        loss: the share of packets that are lost.
    """

    def __init__(self, delay_s: float, loss: float) -> None:
        self._delay_s, self._loss, self._draw = delay_s, loss, random.Random(SEED)
        self.packets = self.lost = 0
        self._device = -1

    async def open(self) -> None:
        """Make the device and give it its address.

        Raises:
            Skipped: this account or this machine cannot.
        """
        try:
            self._device = os.open(DEVICE, os.O_RDWR | os.O_NONBLOCK)
            fcntl.ioctl(self._device, _TUNSETIFF, struct.pack("16sH", NAME.encode(), _IFF_TUN | _IFF_NO_PI))
            for command in (f"ip address add {NEAR}/{NETWORK_BITS} dev {NAME}", f"ip link set {NAME} up"):
                await asyncio.to_thread(subprocess.run, command.split(), check=True, capture_output=True, timeout=10)
        except (OSError, subprocess.SubprocessError) as error:
            self.close()
            raise Skipped(f"no packets can be lost here, {DEVICE} needs root: {error}") from error
        asyncio.get_running_loop().add_reader(self._device, self._read)

    def close(self) -> None:
        """Take the device away; the kernel removes it with its last user."""
        if self._device >= 0:
            asyncio.get_running_loop().remove_reader(self._device)
            os.close(self._device)
            self._device = -1

    def _read(self) -> None:
        packet = os.read(self._device, _PACKET_BYTES_MAX)
        if packet[0] >> 4 != 4:
            return  # what the kernel says about IPv6 on every new device
        self.packets += 1
        if self._draw.random() < self._loss:
            self.lost += 1
            return
        swapped = packet[:12] + packet[16:20] + packet[12:16] + packet[20:]
        asyncio.get_running_loop().call_later(self._delay_s, self._write, swapped)

    def _write(self, packet: bytes) -> None:
        if self._device >= 0:
            os.write(self._device, packet)


def lossy(delay_s: float, loss: float, events: int) -> Breaking:
    """Every road between members leads over the link, until so many events have arrived both ways in spite of it."""

    @asynccontextmanager
    async def breaking(stage: Stage, load: Load) -> AsyncIterator[None]:
        link = LossyLink(delay_s, loss)
        await link.open()
        async with AsyncExitStack() as stack:
            stack.callback(link.close)
            for proxy in [*stage.to_broker.values(), *stage.to_hub.values(), *stage.to_node.values()]:
                far = Proxy(free_ports(1)[0], proxy.far_end(), host=NEAR)
                await far.start()
                stack.push_async_callback(far.stop)
                stack.callback(proxy.redirect(far.port, FAR))
            before = await _confirmed(stage)
            await load.accepts(8)

            async def arrived() -> bool:
                now = await _confirmed(stage)
                return all(now[road] >= count + events for road, count in before.items())

            await until("events that arrive although packets are lost", arrived, 120.0)
            assert link.lost > 0, f"none of {link.packets} packets was lost"
        yield

    return breaking


async def _confirmed(stage: Stage) -> dict[tuple[str, str], int]:
    """How many events each node was confirmed by the other and by the hub."""
    found: dict[tuple[str, str], int] = {}
    for name, other in ((JIANGSU, SHANGHAI), (SHANGHAI, JIANGSU)):
        async with stage.member(name).connect() as node:
            lines = (await node.delivery.status()).outbox
        found |= {(name, line.destination): line.delivered for line in lines if line.destination in (HUB, other)}
    return found


FAULTS: Final = (Fault("lossy.500ms_and_5_percent", lossy(0.25, 0.05, 20), short=lossy(0.25, 0.05, 5)),)
