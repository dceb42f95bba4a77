"""A unit's life in the register: proofs, approvals, history; refused with what is missing, and nothing half done."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import pytest_asyncio

from national_hub.library_services import keep_told_playing
from national_hub.store import library, registration
from tests.support.registers import MINISTRY, Register, a_register, node
from twelve333.adapters.sql import library as replica
from twelve333.api.library.v1.blobs_pb2 import PromptPlaying
from twelve333.api.registration.v1 import life_pb2 as pb
from twelve333.client.life import UnitLife, unit_life
from twelve333.core.coverage.model import Contact
from twelve333.core.decision import Refused
from twelve333.core.doctor.examinations import NODE_CHECKS
from twelve333.core.identity import Caller
from twelve333.core.library.model import Attachment, Change, Entry, EntryKind
from twelve333.core.registration.life import USUAL_POLICY, LifePolicy, Proof, Stage, StageRule, StepState
from twelve333.core.registration.model import UnitStatus
from twelve333.testing.directory import a_declaration, a_unit
from twelve333.wire.library import content_of
from twelve333.wire.life import policy_to_wire, stage_to_wire
from twelve333.wire.times import to_timestamp

FUZHOU, PROVINCE = "350100", "350000"
CITY = a_unit(FUZHOU, with_system=False)
DECLARED = a_declaration(FUZHOU, voicemail=True, contact=Contact("福州市社保中心", "tel:0591-12333"))
NODE = node(PROVINCE)
_CONTEXT: Any = None


@pytest_asyncio.fixture
async def register(tmp_path: Path) -> AsyncIterator[Register]:
    async with a_register(tmp_path) as made:
        await made.add_member(PROVINCE)
        yield made


async def life(register: Register) -> UnitLife:
    return unit_life(await register.asked(NODE, register.lives.GetUnitLife(pb.GetUnitLifeRequest(code=FUZHOU), _CONTEXT)))


async def ask(register: Register, stage: Stage, caller: Caller = NODE) -> pb.AskStepResponse:
    return await register.asked(caller, register.lives.AskStep(pb.AskStepRequest(code=FUZHOU, stage=stage_to_wire(stage)), _CONTEXT))


async def decide(register: Register, caller: Caller, *, yes: bool = True, reason: str = "", acting: str = "") -> pb.AskStepResponse:
    request = pb.DecideStepRequest(code=FUZHOU, approve=yes, reason=reason, acting=acting)
    return await register.asked(caller, register.lives.DecideStep(request, _CONTEXT))


async def record(register: Register, *proofs: int, passed: bool = True, caller: Caller = NODE, signed: bytes | None = None) -> None:
    found = [pb.UnitEvidence(proof=proof, passed=passed, detail="320000", code="" if passed else "ROUTING_NO_PARTNER") for proof in proofs]
    for each in found:
        if each.proof == pb.PROOF_DOCTOR:
            each.examination.ParseFromString(register.examined(caller.member) if signed is None else signed)
    await register.asked(caller, register.records.RecordEvidence(pb.RecordEvidenceRequest(code=FUZHOU, evidence=found), _CONTEXT))


async def refused(outcome: Any) -> Any:
    with pytest.raises(Refused) as told:
        await outcome
    return told.value.refusal


TOLD = (pb.PROOF_DOCTOR, pb.PROOF_TEST_CALL, pb.PROOF_PROMPTS)


async def test_a_unit_goes_from_plan_to_open_with_its_proofs_and_both_approvals(register: Register) -> None:
    await register.enter(NODE, [(CITY, None)])
    assert (await life(register)).unit.status is UnitStatus.PLANNED
    await register.enter(NODE, [(CITY, DECLARED)])
    missing = await refused(ask(register, Stage.VERIFIED))
    assert {each.path for each in missing.violations} == {"doctor", "test_call", "prompts"}
    await record(register, *TOLD)
    assert (await ask(register, Stage.VERIFIED)).unit.status == 3
    waiting = await ask(register, Stage.OPEN)
    assert (waiting.unit.status, waiting.step.waits_for) == (3, pb.APPROVAL_SIDE_PROVINCE)
    pending = await register.asked(MINISTRY, register.lives.ListPendingSteps(pb.ListPendingStepsRequest(), _CONTEXT))
    assert [step.unit for step in pending.steps] == [FUZHOU]
    assert (await refused(decide(register, MINISTRY))).code.name == "REGISTRATION_APPROVAL_TURN"
    await decide(register, NODE, acting="wang")
    opened = await decide(register, MINISTRY)
    assert (opened.unit.status, opened.step.state) == (4, pb.STEP_STATE_TAKEN)
    known = await life(register)
    assert [(step.number, step.stage, step.state) for step in known.steps] == [
        (1, Stage.PLANNED, StepState.TAKEN),
        (2, Stage.REGISTERED, StepState.TAKEN),
        (3, Stage.VERIFIED, StepState.TAKEN),
        (4, Stage.OPEN, StepState.TAKEN),
    ]
    assert [each.by for each in known.steps[-1].approvals] == [f"{PROVINCE}/wang", "hub/li"]
    assert {it.proof for it in known.steps[2].evidence} == set(Proof)
    assert not (await register.asked(MINISTRY, register.lives.ListPendingSteps(pb.ListPendingStepsRequest(), _CONTEXT))).steps


async def test_what_failed_or_grew_old_is_no_proof(register: Register) -> None:
    await register.enter(NODE, [(CITY, DECLARED)])
    await record(register, *TOLD)
    await record(register, pb.PROOF_TEST_CALL, passed=False)
    missing = await refused(ask(register, Stage.VERIFIED))
    assert missing.params["missing"] == "test_call" and "ROUTING_NO_PARTNER" in missing.violations[0].params["last"]
    await record(register, *TOLD)
    register.now += timedelta(days=28)
    await ask(register, Stage.VERIFIED)
    register.now += timedelta(days=3)
    assert set((await refused(ask(register, Stage.OPEN))).params["missing"].split(", ")) == {"certificate", "doctor", "test_call"}


async def test_the_hub_believes_nobody_about_what_it_knows_itself(register: Register) -> None:
    await register.enter(NODE, [(CITY, replace(DECLARED, contact=None))])
    await record(register, *TOLD, pb.PROOF_CONTACT, pb.PROOF_CERTIFICATE)
    assert (await refused(ask(register, Stage.VERIFIED))).params["missing"] == "contact"
    assert (await refused(record(register, *TOLD, caller=node("320000")))).code.name == "REGISTRATION_UNIT_NOT_YOURS"


async def doctors(register: Register, signed: bytes) -> tuple[bool, str]:
    """Whether what a node told of its doctor counts, and if not, why."""
    await record(register, pb.PROOF_DOCTOR, signed=signed)
    found = next(it for it in (await life(register)).evidence if it.proof is Proof.DOCTOR)
    assert found.signed == signed, "kept, so that anybody can check it later"
    return found.passed, found.code


async def test_what_a_node_found_about_itself_counts_signed_dated_complete_and_seen_by_the_hub_too(register: Register) -> None:
    await register.enter(NODE, [(CITY, DECLARED)])
    assert await doctors(register, register.examined(PROVINCE)) == (True, "")
    for signed, code in (
        (b"", "UNSIGNED"),
        (register.examined(PROVINCE, by="320000"), "UNSIGNED"),
        (register.examined("320000"), "UNSIGNED"),
        (register.examined("320000", by=PROVINCE), "UNSIGNED"),
        (register.examined(PROVINCE, at=register.now - timedelta(minutes=2)), "OFF"),
        (register.examined(PROVINCE, at=register.now + timedelta(minutes=2)), "OFF"),
        (register.examined(PROVINCE, checks=NODE_CHECKS - {"disk"}), "INCOMPLETE"),
        (register.examined(PROVINCE, version="999.0"), "VERSION"),
    ):
        assert await doctors(register, signed) == (False, f"REGISTRATION_EXAMINATION_{code}")
    register.unreached = "UNAVAILABLE"
    assert await doctors(register, register.examined(PROVINCE)) == (False, "REGISTRATION_EXAMINATION_UNREACHED")
    assert "doctor" in (await refused(ask(register, Stage.VERIFIED))).params["missing"]


async def test_what_a_unit_plays_is_what_its_telephone_system_reports_once_a_prompt_is_published(register: Register) -> None:
    await register.enter(NODE, [(CITY, DECLARED)])
    await record(register, *TOLD)
    sound, database = Attachment("hold.wav", "audio/x-wav", 4, b"s" * 32, (b"s" * 32,)), register.hub.database
    prompt = Entry("hold-music", EntryKind.PROMPT, "等待音乐", "全国统一", ("99",), attachments=(sound,))
    await database.write(lambda tx: replica.apply(tx, library.tables, [Change(prompt.id, 1, 1, content_of(prompt))]))

    async def found() -> tuple[bool, str, str, timedelta]:
        it = next(it for it in (await life(register)).evidence if it.proof is Proof.PROMPTS)
        return it.passed, it.by, it.code, register.now - it.at

    async def report(digest: bytes) -> None:
        event = PromptPlaying(entry_id=prompt.id, digest=digest, reported_at=to_timestamp(register.now))
        inbound: Any = SimpleNamespace(message=event.SerializeToString(), origin=PROVINCE)
        await database.write(lambda tx: keep_told_playing(tx, inbound, register.now))

    at_once = timedelta()
    await record(register, *TOLD)  # the hash of a folder, which an operator tells, counts no more
    assert await found() == (False, "hub", "REGISTRATION_PROMPTS_UNREPORTED", at_once)
    await report(b"o" * 32)
    assert await found() == (False, "hub", "REGISTRATION_PROMPTS_OTHER", at_once)
    await report(sound.digest)
    register.now += timedelta(days=3)
    assert await found() == (True, "hub", "", timedelta(days=3)), "as old as the report"
    await record(register, *TOLD)
    assert (await ask(register, Stage.VERIFIED)).unit.status == 3
    register.now += timedelta(days=28)
    assert Proof.PROMPTS not in USUAL_POLICY.counting((await life(register)).evidence, register.now)


async def test_the_ministry_decides_what_is_asked_for_and_what_needs_nobody(register: Register) -> None:
    policy = LifePolicy((StageRule(Stage.REGISTERED, (Proof.CONTACT,)), StageRule(Stage.WITH_SYSTEM, (), ())), evidence_days=7)
    await register.asked(MINISTRY, register.records.SetLifePolicy(pb.SetLifePolicyRequest(policy=policy_to_wire(policy)), _CONTEXT))
    missing = await refused(register.enter(NODE, [(CITY, replace(DECLARED, contact=None))]))
    assert (missing.code.name, missing.params["missing"]) == ("REGISTRATION_EVIDENCE_MISSING", "contact")
    assert (await refused(life(register))).code.name == "REGISTRATION_UNIT_UNKNOWN", "nothing half done"
    await register.enter(NODE, [(CITY, DECLARED)])
    for stage in (Stage.VERIFIED, Stage.OPEN, Stage.WITH_SYSTEM):
        assert (await ask(register, stage)).step.state == pb.STEP_STATE_TAKEN
    known = await life(register)
    assert (known.unit.status, known.unit.with_system) == (UnitStatus.OPEN, True)
    assert [each.by for each in known.steps[-1].approvals] == ["policy", "policy"]
    wrong = pb.LifePolicy(evidence_days=0, silent_days=7, rules=[pb.StageRule(stage=pb.UNIT_STAGE_CLOSED)])
    told = await refused(register.asked(MINISTRY, register.records.SetLifePolicy(pb.SetLifePolicyRequest(policy=wrong), _CONTEXT)))
    assert {each.path for each in told.violations} == {"rules.stage", "evidence_days"}


async def test_a_no_is_kept_with_its_reason_and_the_unit_may_ask_again(register: Register) -> None:
    await register.enter(MINISTRY, [(replace(CITY, status=UnitStatus.VERIFIED), DECLARED)], states=True)
    await record(register, *TOLD)
    await ask(register, Stage.OPEN)
    said = await decide(register, NODE, yes=False, reason="no staff yet")
    assert (said.unit.status, said.step.state) == (3, pb.STEP_STATE_REJECTED)
    assert (await refused(decide(register, NODE))).code.name == "REGISTRATION_NOTHING_PENDING"
    again = await ask(register, Stage.OPEN)
    assert again.step.number == said.step.number + 1
    assert (await ask(register, Stage.OPEN)).step.number == again.step.number, "asked twice"


async def test_a_unit_that_closes_waits_for_nobody_any_more(register: Register) -> None:
    await register.enter(MINISTRY, [(replace(CITY, status=UnitStatus.VERIFIED), DECLARED)], states=True)
    await record(register, *TOLD)
    await ask(register, Stage.OPEN)
    await ask(register, Stage.CLOSED)
    assert [step.state for step in (await life(register)).steps] == [StepState.TAKEN, StepState.OVERTAKEN, StepState.TAKEN]


async def test_a_unit_with_a_node_of_its_own_keeps_what_it_declared_and_acts_for_itself_and_nobody_else(register: Register) -> None:
    city = node(FUZHOU)
    await register.enter(MINISTRY, [(replace(CITY, status=UnitStatus.OPEN), DECLARED)], states=True)
    token = await register.hub.database.read(registration.may_join)
    assert FUZHOU in token and "350900" not in token
    await register.add_member(FUZHOU)
    assert (await refused(ask(register, Stage.OWN_NODE, NODE))).code.name == "REGISTRATION_MOVE_ASKED_BY_OTHER"
    waiting = await ask(register, Stage.OWN_NODE, city)
    assert waiting.step.waits_for == pb.APPROVAL_SIDE_PROVINCE and waiting.unit.member == PROVINCE
    assert (await refused(decide(register, city))).code.name == "REGISTRATION_APPROVAL_NOT_YOURS"
    assert (await decide(register, NODE, acting="wang")).unit.member == FUZHOU
    known = await life(register)
    assert (known.unit.status, known.declaration) == (UnitStatus.OPEN, DECLARED)
    assert (await register.enter(city, [(CITY, replace(DECLARED, seats=3))])).changed == 1
    assert (await life(register)).unit.member == FUZHOU, "declaring moves nothing"
    other = await refused(register.enter(city, [(a_unit("350200"), a_declaration("350200", voicemail=True))]))
    assert other.code.name == "REGISTRATION_UNIT_NOT_YOURS"
    await record(register, *TOLD, caller=city)
    assert (await refused(record(register, *TOLD))).code.name == "REGISTRATION_UNIT_NOT_YOURS", "proved where it is served"
    assert (await ask(register, Stage.PROVINCE_NODE)).unit.member == PROVINCE
