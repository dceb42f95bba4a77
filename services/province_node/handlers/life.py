"""The lives of the province's units, for its own operators: asked of the hub in their name, since the hub keeps the register."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import grpc
from grpc.aio import ServicerContext

from twelve333.adapters.rpc.access import current_caller
from twelve333.api.registration.v1 import life_pb2 as pb
from twelve333.api.registration.v1 import life_pb2_grpc
from twelve333.client.errors import Target, service_error
from twelve333.core.decision import Refused
from twelve333.core.ids import HUB

from ..context import NodeContext

ASK_SECONDS: Final = 8.0
A = TypeVar("A")


class UnitLifeHandlers(life_pb2_grpc.UnitLifeServiceServicer):
    """See `UnitLifeService`."""

    def __init__(self, node: NodeContext) -> None:
        self._node = node

    async def GetUnitLife(
        self, request: pb.GetUnitLifeRequest, context: ServicerContext[pb.GetUnitLifeRequest, pb.UnitLife]
    ) -> pb.UnitLife:
        """What is on record of a unit."""
        return await self._ask(lambda hub: hub.GetUnitLife(request, timeout=ASK_SECONDS))

    async def AskStep(
        self, request: pb.AskStepRequest, context: ServicerContext[pb.AskStepRequest, pb.AskStepResponse]
    ) -> pb.AskStepResponse:
        """Ask for a step in the operator's name."""
        request.acting = current_caller().name
        return await self._ask(lambda hub: hub.AskStep(request, timeout=ASK_SECONDS))

    async def DecideStep(
        self, request: pb.DecideStepRequest, context: ServicerContext[pb.DecideStepRequest, pb.AskStepResponse]
    ) -> pb.AskStepResponse:
        """Approve or reject in the operator's name."""
        request.acting = current_caller().name
        return await self._ask(lambda hub: hub.DecideStep(request, timeout=ASK_SECONDS))

    async def ListPendingSteps(
        self, request: pb.ListPendingStepsRequest, context: ServicerContext[pb.ListPendingStepsRequest, pb.ListPendingStepsResponse]
    ) -> pb.ListPendingStepsResponse:
        """The steps that wait, of our own units unless another province is asked about."""
        request.province = request.province or self._node.province
        return await self._ask(lambda hub: hub.ListPendingSteps(request, timeout=ASK_SECONDS))

    async def GetLifePolicy(
        self, request: pb.GetLifePolicyRequest, context: ServicerContext[pb.GetLifePolicyRequest, pb.LifePolicy]
    ) -> pb.LifePolicy:
        """What the ministry asks for."""
        return await self._ask(lambda hub: hub.GetLifePolicy(request, timeout=ASK_SECONDS))

    async def _ask(self, call: Callable[[life_pb2_grpc.UnitLifeServiceAsyncStub], Awaitable[A]]) -> A:
        try:
            return await call(life_pb2_grpc.UnitLifeServiceStub(self._node.peers.channel(HUB)))
        except grpc.aio.AioRpcError as error:
            target = Target(HUB, self._node.settings.hub.endpoint, ASK_SECONDS)
            raise Refused(service_error(error, target).refusal) from error
