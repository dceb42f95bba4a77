"""Proving the units that this node serves, and calling back for others that prove theirs."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeVar

import grpc
from grpc.aio import ServicerContext

from twelve333 import __version__
from twelve333.adapters.rpc.access import current_caller
from twelve333.adapters.signing.statements import Signature
from twelve333.api.registration.v1 import life_pb2, life_pb2_grpc, verify_pb2, verify_pb2_grpc
from twelve333.api.routing.v1 import test_call_pb2, test_call_pb2_grpc
from twelve333.client.errors import Target, service_error
from twelve333.core.decision import Refused, refuse
from twelve333.core.doctor.examinations import Examined
from twelve333.core.doctor.model import Check, Level
from twelve333.core.ids import HUB, check_id, check_unit_code
from twelve333.core.registration import codes
from twelve333.core.registration.life import Evidence, Proof
from twelve333.core.registration.model import Unit
from twelve333.core.routing.codes import UNIT_NOT_SERVED_HERE
from twelve333.wire.examinations import SAID, encode_examined, signed_examination
from twelve333.wire.life import evidence_to_wire

from ..context import NodeContext
from ..routing_view import RoutingView
from ..test_calls import CallTesting

ASK_SECONDS: Final = 10.0
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
A = TypeVar("A")


class UnitVerifyHandlers(verify_pb2_grpc.UnitVerifyServiceServicer):
    """See `UnitVerifyService`.

    Args:
        node: the node's ports.
        view: what it routes by.
        calls: makes test calls.
        examine: the node's own doctor.
        refresh: fetches the directory, so that what was applied a moment ago is known.
        sign: signs for the member.
    """

    def __init__(
        self,
        node: NodeContext,
        view: RoutingView,
        calls: CallTesting,
        examine: Callable[[], Awaitable[Sequence[Check]]],
        refresh: Callable[[], Awaitable[object]],
        sign: Callable[[bytes], Signature],
    ) -> None:
        self._node, self._view, self._calls = node, view, calls
        self._examine, self._refresh, self._sign = examine, refresh, sign

    async def VerifyUnit(
        self, request: verify_pb2.VerifyUnitRequest, context: ServicerContext[verify_pb2.VerifyUnitRequest, life_pb2.UnitLife]
    ) -> life_pb2.UnitLife:
        """Look, and put on record."""
        if request.prompts_sha256 and not _SHA256.fullmatch(request.prompts_sha256):
            raise Refused(refuse(codes.PROMPTS_MALFORMED))
        await self._asked_hub(self._refresh)
        unit = self._unit(request.code)
        found = [self._doctor(await self._examine()), await self._calls.both_ways(unit)]
        if request.prompts_sha256:
            found.append(Evidence(Proof.PROMPTS, True, self._node.clock(), self._node.province, request.prompts_sha256))
        told = life_pb2.RecordEvidenceRequest(code=unit.code, evidence=map(evidence_to_wire, found))

        async def record() -> life_pb2.UnitLife:
            hub = life_pb2_grpc.UnitRecordServiceStub(self._node.peers.channel(HUB))
            return await hub.RecordEvidence(told, timeout=ASK_SECONDS)

        return await self._asked_hub(record)

    def _unit(self, code: str) -> Unit:
        unit = self._view.snapshot.units.get(code)
        if unit is None:
            raise Refused(check_unit_code(code) or refuse(codes.UNIT_UNKNOWN, code=code))
        if unit.member != self._node.province:
            raise Refused(refuse(codes.UNIT_NOT_YOURS, code=code, caller=self._node.province))
        return unit

    def _doctor(self, checks: Sequence[Check]) -> Evidence:
        """What was found, signed; what counts of it the hub says, which looks at this node too."""
        now, member = self._node.clock(), self._node.province
        failed = next((check for check in checks if check.level is Level.FAILED), None)
        examination = encode_examined(Examined(member, now, __version__, tuple(checks)))
        signature = self._sign(SAID + examination)
        signed = signed_examination(examination, signature.value, list(signature.chain))
        detail, code = (failed.name, failed.code) if failed else (f"{len(checks)} checks", "")
        return Evidence(Proof.DOCTOR, failed is None, now, member, detail, code, signed)

    async def _asked_hub(self, ask: Callable[[], Awaitable[A]]) -> A:
        try:
            return await ask()
        except grpc.aio.AioRpcError as error:
            target = Target(HUB, self._node.settings.hub.endpoint, ASK_SECONDS)
            raise Refused(service_error(error, target).refusal) from error


class TestCallPeerHandlers(test_call_pb2_grpc.TestCallPeerServiceServicer):
    """See `TestCallPeerService`."""

    def __init__(self, view: RoutingView, calls: CallTesting) -> None:
        self._view, self._calls = view, calls

    async def CallBack(
        self,
        request: test_call_pb2.CallBackRequest,
        context: ServicerContext[test_call_pb2.CallBackRequest, test_call_pb2.CallBackResponse],
    ) -> test_call_pb2.CallBackResponse:
        """Call the unit of who asks; nobody has another member called."""
        if refusal := check_id(request.id) or check_unit_code(request.unit):
            raise Refused(refusal)
        ours = self._view.snapshot.units.get(request.from_unit)
        if ours is None or ours.member != self._view.province:
            raise Refused(refuse(UNIT_NOT_SERVED_HERE, unit=request.from_unit[:6], member=self._view.province))
        reached = await self._calls.offer(request.id, request.from_unit, request.unit, current_caller().member, request.language or "zh")
        return test_call_pb2.CallBackResponse(target=reached.target, took_ms=reached.took_ms)
