"""What other nodes ask about slots of this node's units."""

from __future__ import annotations

from typing import Final

from grpc.aio import ServicerContext

from twelve333.adapters.rpc.access import current_caller
from twelve333.api.routing.v1 import slots_pb2 as pb
from twelve333.api.routing.v1 import slots_pb2_grpc
from twelve333.core.routing.slots import TERM
from twelve333.wire.slots import granted_to_wire, wanted_from_wire

from ..granting import Granting

UNITS_MAX: Final = 400


class SlotPeerHandlers(slots_pb2_grpc.SlotPeerServiceServicer):
    """See `SlotPeerService`."""

    def __init__(self, granting: Granting) -> None:
        self._granting = granting

    async def RenewSlots(
        self, request: pb.RenewSlotsRequest, context: ServicerContext[pb.RenewSlotsRequest, pb.RenewSlotsResponse]
    ) -> pb.RenewSlotsResponse:
        """Promise slots for a term."""
        epoch, promised = await self._granting.promise(current_caller().member, wanted_from_wire(request)[:UNITS_MAX])
        return granted_to_wire(epoch, TERM, promised)
