"""Asking the hub whether this process is the one copy of the node, and believing only the hub that is itself the one copy."""

from __future__ import annotations

import grpc

from twelve333.adapters.copies import ASK_SECONDS
from twelve333.adapters.rpc.errors import told_by_peer
from twelve333.adapters.sql.delivery import Delivery
from twelve333.api.delivery.v1 import instance_pb2 as pb
from twelve333.api.delivery.v1 import instance_pb2_grpc
from twelve333.core.decision import Refused, refuse
from twelve333.core.delivery.fencing import check_fence
from twelve333.core.delivery.leases import Claim
from twelve333.core.ids import HUB
from twelve333.wire import codes

from .context import NodeContext


class AskHub:
    """See `copies.Ask`."""

    def __init__(self, node: NodeContext, delivery: Delivery) -> None:
        self._node, self._delivery = node, delivery

    async def __call__(self, asked: Claim) -> int:
        """Ask the hub once.

        Raises:
            Refused: DELIVERY_FENCED, DELIVERY_COPY_UNDECIDED; DELIVERY_FENCE_OLD, RPC_PEER_AWAY: nobody who could decide has answered.
        """
        seen = await self._node.database.read(lambda tx: self._delivery.fences.seen(tx, HUB))
        request = pb.ClaimInstanceRequest(
            instance=asked.instance,
            fence=asked.fence,
            ended=asked.ended,
            beat=asked.beat,
            before=asked.before,
            hub_fence=seen,
            directory_version=self._node.directory.version,
            signs=True,
        )
        stub = instance_pb2_grpc.InstanceServiceStub(self._node.peers.channel(HUB))
        try:
            answer = await stub.ClaimInstance(request, timeout=ASK_SECONDS)
        except grpc.aio.AioRpcError as error:
            raise Refused(told_by_peer(error) or refuse(codes.PEER_AWAY)) from error
        if refusal := check_fence(HUB, seen, answer.hub_fence):
            raise Refused(refusal)
        if answer.hub_fence > seen:
            await self._node.database.write(lambda tx: self._delivery.fences.note(tx, HUB, answer.hub_fence, self._node.clock()))
        return answer.fence
