"""The lives of units: steps, proofs, approvals; asked of the hub, or of a node that passes it on in its operator's name."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from ..api.registration.v1 import life_pb2 as pb
from ..api.registration.v1 import life_pb2_grpc, verify_pb2, verify_pb2_grpc
from ..core.coverage.model import Declaration
from ..core.registration.life import Evidence, LifePolicy, Stage, Step
from ..core.registration.model import Unit
from ..wire.declarations import declaration_from_wire
from ..wire.life import evidence_from_wire, policy_from_wire, policy_to_wire, stage_to_wire, step_from_wire
from ..wire.registration import unit_from_wire
from ..wire.times import from_timestamp
from .calls import Calls


@dataclass(frozen=True, slots=True)
class UnitLife:
    """What is on record of a unit: its steps, the oldest first; the latest evidence of each kind; what it declares, if it does;
    when it last gave a sign of life, and what that was; what it declared for days to come."""

    unit: Unit
    steps: tuple[Step, ...]
    evidence: tuple[Evidence, ...]
    declaration: Declaration | None
    directory_version: int
    last_sign_at: datetime | None = None
    last_sign: str = ""
    upcoming: tuple[Declaration, ...] = ()


@dataclass(frozen=True, slots=True)
class StepTaken:
    """How a step stands, and the unit as it is now."""

    unit: Unit
    step: Step
    directory_version: int


class UnitLifeClient:
    """Typed calls of `UnitLifeService` and `UnitRecordService`. Each may raise `ServiceError`."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._lives = life_pb2_grpc.UnitLifeServiceStub(calls.channel)
        self._verify = verify_pb2_grpc.UnitVerifyServiceStub(calls.channel)
        self._record = life_pb2_grpc.UnitRecordServiceStub(calls.channel)

    async def get(self, code: str) -> UnitLife:
        """What is on record of a unit."""
        return unit_life(await self._calls.unary(self._lives.GetUnitLife, pb.GetUnitLifeRequest(code=code)))

    async def ask(self, code: str, stage: Stage) -> StepTaken:
        """Ask for a step; it is taken, or pending until it is approved."""
        return _taken(await self._calls.unary(self._lives.AskStep, pb.AskStepRequest(code=code, stage=stage_to_wire(stage))))

    async def verify(self, code: str, prompts_sha256: str = "") -> UnitLife:
        """Prove a unit at the node that serves it (its operator): doctor, test call both ways, prompts; what is on record then.

        Args:
            code: the unit.
            prompts_sha256: hash of the prompts that it plays, hexadecimal; empty: not shown.
        """
        request = verify_pb2.VerifyUnitRequest(code=code, prompts_sha256=prompts_sha256)
        return unit_life(await self._calls.unary(self._verify.VerifyUnit, request))

    async def decide(self, code: str, *, approve: bool, reason: str = "") -> StepTaken:
        """Approve or reject what a unit waits for.

        Args:
            code: the unit.
            approve: yes or no.
            reason: why not; nothing personal.
        """
        return _taken(await self._calls.unary(self._lives.DecideStep, pb.DecideStepRequest(code=code, approve=approve, reason=reason)))

    async def pending(self, province: str = "") -> list[Step]:
        """The steps that wait for an approval."""
        answer = await self._calls.unary(self._lives.ListPendingSteps, pb.ListPendingStepsRequest(province=province))
        return [step_from_wire(step) for step in answer.steps]

    async def cancel_upcoming(self, code: str, day: date | None = None) -> tuple[int, int]:
        """Take back what a unit declared for days to come, or for one of them; how many, and the version of the directory without them."""
        request = pb.CancelUpcomingRequest(code=code, day=day.isoformat() if day else "")
        answer = await self._calls.unary(self._record.CancelUpcoming, request)
        return answer.cancelled, answer.directory_version

    async def policy(self) -> LifePolicy:
        """What the ministry asks for."""
        return policy_from_wire(await self._calls.unary(self._lives.GetLifePolicy, pb.GetLifePolicyRequest()))

    async def set_policy(self, policy: LifePolicy) -> LifePolicy:
        """Set what the ministry asks for (operators of the ministry)."""
        request = pb.SetLifePolicyRequest(policy=policy_to_wire(policy))
        return policy_from_wire(await self._calls.unary(self._record.SetLifePolicy, request))


def unit_life(life: pb.UnitLife) -> UnitLife:
    """What is on record, as it was told."""
    return UnitLife(
        unit_from_wire(life.unit),
        tuple(map(step_from_wire, life.steps)),
        tuple(it for each in life.evidence if (it := evidence_from_wire(each))),
        declaration_from_wire(life.declaration) if life.HasField("declaration") else None,
        life.directory_version,
        from_timestamp(life.last_sign_at) if life.HasField("last_sign_at") else None,
        life.last_sign,
        tuple(map(declaration_from_wire, life.upcoming)),
    )


def _taken(answer: pb.AskStepResponse) -> StepTaken:
    return StepTaken(unit_from_wire(answer.unit), step_from_wire(answer.step), answer.directory_version)
