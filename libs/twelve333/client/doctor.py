"""How an installation is, as it finds itself."""

from __future__ import annotations

from ..api.doctor.v1 import doctor_pb2 as pb
from ..api.doctor.v1 import doctor_pb2_grpc
from ..core.doctor.model import Check
from ..wire.doctor import findings_from_wire
from .calls import Calls


class DoctorClient:
    """Typed calls of `DoctorService` at hub and node. Each may raise `ServiceError`."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._stub = doctor_pb2_grpc.DoctorServiceStub(calls.channel)

    async def examine(self) -> list[Check]:
        """Every check, as it was found."""
        answer = await self._calls.unary(self._stub.Examine, pb.ExamineRequest())
        return findings_from_wire(answer.checks)
