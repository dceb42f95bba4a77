"""Test calls of a node: offered over the very service that calls are offered by, there and back, and left without a trace at both ends."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from time import perf_counter
from typing import Final
from uuid import uuid4

import grpc

from twelve333.api.routing.v1 import service_pb2_grpc, test_call_pb2, test_call_pb2_grpc
from twelve333.client.errors import Target, service_error
from twelve333.core.decision import Code, Kind, Refusal, Refused, refuse
from twelve333.core.registration.life import Evidence, Proof
from twelve333.core.registration.model import Unit
from twelve333.core.routing import codes
from twelve333.core.routing.model import Call
from twelve333.core.routing.offers import Offer
from twelve333.core.routing.test_calls import partners
from twelve333.wire.routing import offer_to_wire

from .context import NodeContext
from .routing_view import RoutingView

CALL_SECONDS: Final = 2.0
BACK_SECONDS: Final = 2 * CALL_SECONDS
VALID_FOR: Final = timedelta(minutes=11)


@dataclass(frozen=True, slots=True)
class Reached:
    """The address that was given, and how long it took."""

    target: str
    took_ms: int


class CallTesting:
    """Makes test calls.

    Args:
        node: the node's ports.
        view: what it routes by.
    """

    def __init__(self, node: NodeContext, view: RoutingView) -> None:
        self._node, self._view = node, view

    async def both_ways(self, unit: Unit) -> Evidence:
        """Call another province and be called back; the first partner that is reached counts.

        Args:
            unit: the one to be proved, served here.
        """
        refusal = refuse(codes.TEST_CALL_NO_PARTNER, unit=unit.code)
        for partner in partners(self._view.snapshot, unit, self._node.directory.revocations.covers):
            try:
                there, back = await self._there_and_back(unit, partner)
            except Refused as refused:
                refusal = refused.refusal
                continue
            where = partner.code if partner.code == partner.member else f"{partner.code} at {partner.member}"
            detail = f"{where}, there {there.took_ms} ms, back {back.took_ms} ms"
            return Evidence(Proof.TEST_CALL, True, self._node.clock(), self._node.province, detail)
        detail = refusal.params.get("member", refusal.params.get("unit", ""))
        return Evidence(Proof.TEST_CALL, False, self._node.clock(), self._node.province, detail, refusal.code.name)

    async def offer(self, call_id: str, from_unit: str, unit: str, member: str, language: str) -> Reached:
        """Offer one test call to a unit of another member.

        Raises:
            Refused: what that member says, or that it does not answer.
        """
        node = self._node
        call = Call(call_id, unit, "", "", language, (from_unit,))
        offer = Offer(f"{call_id}.{unit}", call, from_unit, node.province, unit, node.clock() + VALID_FOR)
        request, began = offer_to_wire(offer), perf_counter()
        request.test = True
        try:
            answer = await service_pb2_grpc.HandoffPeerServiceStub(node.peers.channel(member)).OfferHandoff(request, timeout=CALL_SECONDS)
        except grpc.aio.AioRpcError as error:
            raise Refused(self._failed(error, member)) from error
        return Reached(answer.target, _since(began))

    async def _there_and_back(self, unit: Unit, partner: Unit) -> tuple[Reached, Reached]:
        declared = self._view.snapshot.declarations
        language = declared[partner.code].languages[0]
        call_id = f"test-{uuid4().hex[:16]}"
        # The call back comes first: an older program does not know it, and would take the offer for a call.
        back = await self._called_back(call_id, unit, partner)
        if unit.code not in declared or back.target != declared[unit.code].target:
            raise Refused(refuse(codes.TEST_CALL_OTHER_TARGET, unit=unit.code, member=partner.member))
        there = await self.offer(call_id, unit.code, partner.code, partner.member, language)
        if there.target != declared[partner.code].target:
            raise Refused(refuse(codes.TEST_CALL_OTHER_TARGET, unit=partner.code, member=partner.member))
        return there, back

    async def _called_back(self, call_id: str, unit: Unit, partner: Unit) -> Reached:
        declared = self._view.snapshot.declarations.get(unit.code)
        language = declared.languages[0] if declared else "zh"
        request = test_call_pb2.CallBackRequest(id=call_id, unit=unit.code, from_unit=partner.code, language=language)
        stub = test_call_pb2_grpc.TestCallPeerServiceStub(self._node.peers.channel(partner.member))
        try:
            answer = await stub.CallBack(request, timeout=BACK_SECONDS)
        except grpc.aio.AioRpcError as error:
            raise Refused(self._failed(error, partner.member)) from error
        return Reached(answer.target, answer.took_ms)

    def _failed(self, error: grpc.aio.AioRpcError, member: str) -> Refusal:
        refusal = service_error(error, Target(member)).refusal
        # Another member speaks: what it says is a finding here, never a right or wrong of ours.
        return Refusal(Code(refusal.code.name[:64], Kind.UNAVAILABLE), {**refusal.params, "member": member})


def _since(began: float) -> int:
    return max(1, round((perf_counter() - began) * 1000))
