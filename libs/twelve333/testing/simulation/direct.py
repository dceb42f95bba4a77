"""The direct way between members as the simulator has it: a call that may not arrive, or whose answer may not.

The production handovers stand on it. An answer that was lost is the mean case: the events are in, and their origin does not know.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import NoReturn

from ...adapters.relay.direct import CALL_SECONDS
from ...core.decision import Refusal, Refused, refuse
from ...core.delivery.model import Envelope, Receipt
from ...wire.codes import PEER_AWAY
from ...wire.envelope import decode_receipt, encode_envelope, encode_receipt
from .network import Network

# (who calls, events as bytes) -> the task that takes them, or None where nobody listens
Door = Callable[[str, Sequence[bytes]], asyncio.Task[Receipt] | None]


class VirtualDirect:
    """See `Direct`.

    Args:
        network: the lines.
        member: who calls.
        doors: where each member is called.
    """

    def __init__(self, network: Network, member: str, doors: Callable[[str], Door]) -> None:
        self._network, self._member, self._doors = network, member, doors

    async def deliver(self, destination: str, envelopes: Sequence[Envelope]) -> Receipt:
        """See `Direct.deliver`."""
        network, here, there = self._network, self._network.to_peers(self._member), self._network.to_peers(destination)
        network.world.trace(self._member, "calls", destination, len(envelopes))
        network.meet(self._member, destination)
        await asyncio.sleep(min(network.delay(), CALL_SECONDS))
        if not network.passes(here.out_cut or there.in_cut):
            await self._in_vain()
        taking = self._doors(destination)(self._member, [encode_envelope(envelope) for envelope in envelopes])
        if taking is None:  # nothing listens on that port
            raise Refused(refuse(PEER_AWAY))
        await asyncio.wait({taking}, timeout=CALL_SECONDS)
        if not taking.done() or taking.cancelled():  # it hangs, or was killed meanwhile
            raise Refused(refuse(PEER_AWAY))
        answer = encode_receipt(taking.result())
        if not network.passes(there.out_cut or here.in_cut):
            await self._in_vain()
        await asyncio.sleep(min(network.delay(), CALL_SECONDS))
        network.world.trace(self._member, "answered", destination)
        receipt = decode_receipt(answer)
        if isinstance(receipt, Refusal):
            raise Refused(receipt)
        return receipt

    async def _in_vain(self) -> NoReturn:
        await asyncio.sleep(CALL_SECONDS)
        raise Refused(refuse(PEER_AWAY))
