"""The lives of units at the hub: steps asked for, approved, rejected; evidence put on record; the ministry's policy."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from functools import partial

from grpc.aio import ServicerContext
from opentelemetry import metrics
from sqlalchemy import Connection

from twelve333.adapters.rpc.access import current_caller
from twelve333.api.registration.v1 import life_pb2 as pb
from twelve333.api.registration.v1 import life_pb2_grpc
from twelve333.core.coverage.dated import begins_at
from twelve333.core.decision import Refusal, Refused, accepted, refuse
from twelve333.core.identity import Role, check_name
from twelve333.core.ids import HUB
from twelve333.core.registration import codes
from twelve333.core.registration.life import SEEN_BY_HUB, Approval, Evidence, Proof, Stage, Step, StepState
from twelve333.core.registration.life_rules import approve, ask, reached, side_of
from twelve333.core.registration.model import Unit
from twelve333.core.registration.rules import check_owner
from twelve333.wire.declarations import day_from_wire
from twelve333.wire.life import evidence_from_wire, evidence_to_wire, policy_from_wire, policy_to_wire, stage_from_wire, step_to_wire
from twelve333.wire.registration import unit_to_wire
from twelve333.wire.times import to_timestamp

from ..context import HubContext
from ..evidence import evidence_of, own_evidence
from ..examining import Examining
from ..keeping import give_policy, give_units
from ..store import coverage as declarations
from ..store import life, unit_history
from ..store import registration as store
from ..store.signs import load_sign, note_signs
from .directory import republish
from .partition import refuse_new_faults

_steps = metrics.get_meter("twelve333.registration").create_counter(
    "twelve333.registration.status_steps", unit="{step}", description="steps in units' lives, by the state reached"
)


class UnitLifeHandlers(life_pb2_grpc.UnitLifeServiceServicer):
    """See `UnitLifeService`."""

    def __init__(self, hub: HubContext) -> None:
        self._hub = hub

    async def GetUnitLife(
        self, request: pb.GetUnitLifeRequest, context: ServicerContext[pb.GetUnitLifeRequest, pb.UnitLife]
    ) -> pb.UnitLife:
        """What is on record of a unit."""
        now = self._hub.clock()
        return await self._hub.database.read(lambda tx: _life(tx, _unit(tx, request.code), now))

    async def AskStep(
        self, request: pb.AskStepRequest, context: ServicerContext[pb.AskStepRequest, pb.AskStepResponse]
    ) -> pb.AskStepResponse:
        """Take a step, or have it wait for approvals."""
        stage = stage_from_wire(request.stage)
        if stage is None:
            raise Refused(refuse(codes.STATUS_UNKNOWN))
        unit, step, version = await ask_step(self._hub, request.code, stage, acting(request.acting))
        return pb.AskStepResponse(unit=unit_to_wire(unit), step=step_to_wire(step), directory_version=version)

    async def DecideStep(
        self, request: pb.DecideStepRequest, context: ServicerContext[pb.DecideStepRequest, pb.AskStepResponse]
    ) -> pb.AskStepResponse:
        """Approve or reject."""
        hub, now, asker, by = self._hub, self._hub.clock(), asker_of(), acting(request.acting)

        def keep(tx: Connection) -> tuple[Unit, Step, int]:
            unit = known_unit(tx, request.code, asker)
            side = side_of(asker, unit.code)
            if isinstance(side, Refusal):
                raise Refused(side)
            given = Approval(side, by, now, request.approve, request.reason)
            decision = accepted(approve(life.load_pending_of(tx, unit.code), unit, given, evidence_of(tx, unit, now), life.load_policy(tx)))
            return _kept(hub, tx, unit, decision.state, now) if decision.events else (unit, decision.state, version_of(tx))

        word = "approve" if request.approve else "reject"
        unit, step, version = await hub.audit.write(f"registration.{word}", request.code, keep)
        return pb.AskStepResponse(unit=unit_to_wire(unit), step=step_to_wire(step), directory_version=version)

    async def ListPendingSteps(
        self, request: pb.ListPendingStepsRequest, context: ServicerContext[pb.ListPendingStepsRequest, pb.ListPendingStepsResponse]
    ) -> pb.ListPendingStepsResponse:
        """The steps that wait."""
        found = await self._hub.database.read(partial(life.load_pending, province=request.province))
        return pb.ListPendingStepsResponse(steps=map(step_to_wire, found))

    async def GetLifePolicy(
        self, request: pb.GetLifePolicyRequest, context: ServicerContext[pb.GetLifePolicyRequest, pb.LifePolicy]
    ) -> pb.LifePolicy:
        """What the ministry asks for."""
        return policy_to_wire(await self._hub.database.read(life.load_policy))


class UnitRecordHandlers(life_pb2_grpc.UnitRecordServiceServicer):
    """See `UnitRecordService`."""

    def __init__(self, hub: HubContext, examining: Examining) -> None:
        self._hub, self._examining = hub, examining

    async def RecordEvidence(
        self, request: pb.RecordEvidenceRequest, context: ServicerContext[pb.RecordEvidenceRequest, pb.UnitLife]
    ) -> pb.UnitLife:
        """Put on record what a node found, and what the hub sees at the same time."""
        hub, now, member = self._hub, self._hub.clock(), current_caller().member
        told = [it for each in request.evidence[: len(Proof)] if (it := evidence_from_wire(each)) and it.proof not in SEEN_BY_HUB]
        await hub.database.read(lambda tx: _served_by(tx, request.code, member))
        told = [await self._examining.judge(member, it) if it.proof is Proof.DOCTOR else replace(it, signed=b"") for it in told]

        def keep(tx: Connection) -> pb.UnitLife:
            unit = _served_by(tx, request.code, member)
            found: list[Evidence] = [*(replace(it, at=now, by=member) for it in told), *own_evidence(tx, unit, now)]
            life.add_evidence(tx, unit.code, found)
            note_signs(tx, [unit.code], "proof", now)
            give_units(hub, tx, [unit.code], now)
            return _life(tx, unit, now)

        return await hub.audit.write("registration.evidence", request.code, keep)

    async def CancelUpcoming(
        self, request: pb.CancelUpcomingRequest, context: ServicerContext[pb.CancelUpcomingRequest, pb.CancelUpcomingResponse]
    ) -> pb.CancelUpcomingResponse:
        """Take back what was declared ahead."""
        hub, now, asker = self._hub, self._hub.clock(), asker_of()
        begins = begins_at(day_from_wire(request.day)) if request.day else None

        def keep(tx: Connection) -> tuple[int, int]:
            unit = known_unit(tx, request.code, asker)
            cancelled = declarations.cancel_upcoming(tx, unit.code, now, begins)
            if not cancelled:
                raise Refused(refuse(codes.NOTHING_UPCOMING, code=unit.code, day=request.day[:10] or "–"))
            refuse_new_faults(tx, now)
            return cancelled, republish(hub, tx, now)

        cancelled, version = await hub.audit.write("registration.cancel", request.code, keep)
        return pb.CancelUpcomingResponse(cancelled=cancelled, directory_version=version)

    async def SetLifePolicy(
        self, request: pb.SetLifePolicyRequest, context: ServicerContext[pb.SetLifePolicyRequest, pb.LifePolicy]
    ) -> pb.LifePolicy:
        """Set it."""
        hub, policy = self._hub, policy_from_wire(request.policy)

        def keep(tx: Connection) -> None:
            life.save_policy(tx, policy)
            give_policy(hub, tx, hub.clock())

        await hub.audit.write("registration.life_policy", HUB, keep)
        return policy_to_wire(policy)


async def ask_step(hub: HubContext, code: str, stage: Stage, by: str) -> tuple[Unit, Step, int]:
    """Ask for a step in the name of the caller in hand; the unit as it is then, the step, and the directory's version.

    Raises:
        Refused: what `ask` says, or COVERAGE_* if the country would be divided wrongly.
    """
    now, asker = hub.clock(), asker_of()

    def keep(tx: Connection) -> tuple[Unit, Step, int]:
        known, asked = store.load_unit(tx, code), Step(code, stage, by, now)
        evidence = evidence_of(tx, known, now) if known else []
        pending = life.load_pending_of(tx, code)
        decision = accepted(ask(known, asker, asked, pending, evidence, life.load_policy(tx)))
        assert known is not None  # noqa: S101 - `ask` refuses an unknown unit
        if not decision.events:
            return known, decision.state, version_of(tx)
        if pending:  # the unit goes another way
            life.keep_step(tx, replace(pending, state=StepState.OVERTAKEN, settled_at=now))
        return _kept(hub, tx, known, decision.state, now)

    return await hub.audit.write(f"registration.status.{stage.value}", code, keep)


def known_unit(tx: Connection, code: str, asker: str) -> Unit:
    """A unit of the caller's.

    Raises:
        Refused: REGISTRATION_UNIT_UNKNOWN, REGISTRATION_UNIT_NOT_YOURS.
    """
    unit = _unit(tx, code)
    if refusal := check_owner(asker, code):
        raise Refused(refusal)
    return unit


def asker_of() -> str:
    """`hub` for an operator of the ministry, the member for a node."""
    caller = current_caller()
    return HUB if caller.role is Role.OPERATOR else caller.member


def acting(name: str = "") -> str:
    """Who asks, as the register writes it down: an operator of the ministry by certificate, one of a province as its node says."""
    caller = current_caller()
    who = caller.name if caller.role is Role.OPERATOR else name
    if who and (refusal := check_name(who)):
        raise Refused(refusal)
    return f"{asker_of()}/{who}" if who else asker_of()


def version_of(tx: Connection) -> int:
    """The version of the present directory."""
    row = store.load_directory(tx)
    return row.version if row else 0


def _unit(tx: Connection, code: str) -> Unit:
    unit = store.load_unit(tx, code)
    if unit is None:
        raise Refused(refuse(codes.UNIT_UNKNOWN, code=code[:32]))
    return unit


def _served_by(tx: Connection, code: str, member: str) -> Unit:
    unit = known_unit(tx, code, member)
    if unit.member != member:
        raise Refused(refuse(codes.UNIT_NOT_YOURS, code=unit.code, caller=member))
    return unit


def _kept(hub: HubContext, tx: Connection, unit: Unit, step: Step, now: datetime) -> tuple[Unit, Step, int]:
    """Keep a step that came on; one that is taken changes the unit and the directory."""
    step = life.keep_step(tx, step)
    if step.state is not StepState.TAKEN:
        give_units(hub, tx, [unit.code], now)
        return unit, step, version_of(tx)
    after = reached(unit, step.stage)
    store.save_units(tx, [after])
    note_signs(tx, [unit.code], "step", now)
    unit_history.note_units(tx, [after], now)
    give_units(hub, tx, [unit.code], now)
    refuse_new_faults(tx, now)
    _steps.add(1, {"status": step.stage.value})
    return after, step, republish(hub, tx, now)


def _life(tx: Connection, unit: Unit, now: datetime) -> pb.UnitLife:
    seen_at, seen = load_sign(tx, unit.code) or (None, "")
    return pb.UnitLife(
        unit=unit_to_wire(unit),
        steps=map(step_to_wire, life.load_steps(tx, unit.code)),
        evidence=map(evidence_to_wire, evidence_of(tx, unit, now)),
        directory_version=version_of(tx),
        last_sign_at=to_timestamp(seen_at) if seen_at else None,
        last_sign=seen,
        upcoming=declarations.load_upcoming(tx, now, unit.code),
        declaration=declarations.load_declaration(tx, unit.code, now),
    )
