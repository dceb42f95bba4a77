"""The audit log of a hub or node: its records, and the heads that others witnessed; asked by operators."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

from ..api.audit.v1 import audit_pb2 as pb
from ..api.audit.v1 import audit_pb2_grpc
from ..core.audit.model import Head, Record
from ..wire.audit import head_from_wire, record_from_wire
from .calls import Calls


@dataclass(frozen=True, slots=True)
class Witnessed:
    """Heads of a log, which witnesses gave them, and which did not answer."""

    heads: list[Head]
    asked: tuple[str, ...]
    silent: tuple[str, ...]


class AuditClient:
    """Typed calls of `AuditService`. Each may raise `ServiceError`."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._stub = audit_pb2_grpc.AuditServiceStub(calls.channel)

    async def records(self) -> AsyncIterator[Record]:
        """Every record from the first on, as the member shows it; check them with `core.audit.verifying`."""
        after = 0
        while True:
            answer = await self._calls.unary(self._stub.ListAuditRecords, pb.ListAuditRecordsRequest(after=after))
            for record in answer.records:
                yield record_from_wire(record)
            if not answer.records:
                return
            after = max(after + 1, answer.records[-1].sequence)

    async def heads(self, member: str) -> list[Head]:
        """Heads that the member asked witnessed of another."""
        return (await self.witnesses(member)).heads

    async def witnesses(self, member: str) -> Witnessed:
        """Heads witnessed of a member; one asked about itself asks those who witness its log."""
        answer = await self._calls.unary(self._stub.ListWitnessedHeads, pb.ListWitnessedHeadsRequest(member=member))
        return Witnessed([head_from_wire(head) for head in answer.heads], tuple(answer.asked), tuple(answer.silent))
