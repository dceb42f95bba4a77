"""Asks those who witness our audit log what they have been told of it, all at once and each only for a while."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import grpc

from ..api.audit.v1 import audit_pb2 as pb
from ..api.audit.v1 import audit_pb2_grpc
from ..core.decision import Refused, refuse
from ..wire import codes as wire_codes
from .rpc.peers import Peers

ASK_SECONDS: Final = 5.0
Witnesses = Callable[[], Awaitable[Sequence[str]]]


class WitnessAsking:
    """See `ask`.

    Args:
        peers: channels to other members.
        witnesses: who they are now.
    """

    def __init__(self, peers: Peers, witnesses: Witnesses) -> None:
        self._peers, self._witnesses = peers, witnesses

    async def ask(self, member: str) -> pb.ListWitnessedHeadsResponse:
        """What each of them witnessed of `member`, and who of them did not answer.

        Raises:
            Refused: RPC_PEER_AWAY: nobody answered.
        """
        names = await self._witnesses()
        answers = await asyncio.gather(*(self._ask_one(name, member) for name in names))
        found = {name: heads for name, heads in zip(names, answers, strict=True) if heads is not None}
        if not found:
            raise Refused(refuse(wire_codes.PEER_AWAY))
        told = [_by(name, head) for name in found for head in found[name]]
        return pb.ListWitnessedHeadsResponse(heads=told, asked=found, silent=[name for name in names if name not in found])

    async def _ask_one(self, name: str, member: str) -> Sequence[pb.AuditHead] | None:
        try:
            stub = audit_pb2_grpc.AuditServiceStub(self._peers.channel(name))
            return (await stub.ListWitnessedHeads(pb.ListWitnessedHeadsRequest(member=member), timeout=ASK_SECONDS)).heads
        except (Refused, grpc.aio.AioRpcError):  # away, revoked, or older than this RPC
            return None


def _by(name: str, head: pb.AuditHead) -> pb.AuditHead:
    told_at = head.told_at if head.HasField("told_at") else None
    return pb.AuditHead(sequence=head.sequence, digest=head.digest, witness=name, told_at=told_at)
