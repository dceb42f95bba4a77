"""A hub that was put back to a backup: what only it had decided comes back from the node that keeps it, and what does not is named."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import pytest_asyncio

from national_hub.backup import service
from national_hub.context import Recovery
from national_hub.handlers.recovery import DirectoryReturnHandlers, load_recovery
from national_hub.keeping import give_operators
from national_hub.store import life, registration, unit_history
from national_hub.store.holders import holders
from national_hub.store.records import records as hub_records
from province_node.records import GIVEN, keep_given
from province_node.store import delivery_of
from province_node.store.records import records as kept
from tests.support.registers import MINISTRY, Register, a_register, node
from twelve333.adapters.signing.document_keys import KEY_FILE, DocumentKeys, exchange_key, load_vouchers
from twelve333.adapters.signing.documents import create_signing_key, load_signing_key, public_bytes, sign
from twelve333.adapters.sql import Database, open_database
from twelve333.adapters.sql.backup import backup, restore
from twelve333.adapters.sql.prepare import prepare
from twelve333.api.common.v1 import common_pb2
from twelve333.api.registration.v1 import life_pb2 as pb
from twelve333.api.registration.v1 import records_pb2, recovery_pb2, registration_pb2, service_pb2
from twelve333.core.coverage.model import Contact
from twelve333.core.decision import Refused
from twelve333.core.identity import Caller, Role
from twelve333.core.registration.holders import Holder
from twelve333.core.registration.life import USUAL_POLICY, Stage
from twelve333.core.registration.model import UnitStatus
from twelve333.testing.directory import a_declaration, a_unit
from twelve333.wire.documents import document_to_wire
from twelve333.wire.life import policy_to_wire, stage_to_wire
from twelve333.wire.times import to_timestamp

FUZHOU, PROVINCE, DAY = "350100", "350000", timedelta(days=1)
CITY = a_unit(FUZHOU, with_system=False)
DECLARED = a_declaration(FUZHOU, voicemail=True, contact=Contact("福州市社保中心", "tel:0591-12333"))
NODE, TOLD = node(PROVINCE), (pb.PROOF_DOCTOR, pb.PROOF_TEST_CALL, pb.PROOF_PROMPTS)
_CONTEXT: Any = None


@pytest_asyncio.fixture
async def register(tmp_path: Path) -> AsyncIterator[Register]:
    async with a_register(tmp_path) as made:
        made.hub.settings.certificate_days = 30  # type: ignore[misc]
        await made.add_member(PROVINCE)
        await made.enter(NODE, [(CITY, DECLARED)])
        yield made


@pytest_asyncio.fixture
async def keeper(tmp_path: Path, register: Register) -> AsyncIterator[Database]:
    """The database of the node of 福建."""
    url = f"sqlite:///{tmp_path / 'node.db'}"
    await prepare("province_node", url, delivery_of(PROVINCE), register.now)
    database = open_database(url)
    yield database
    await database.close()


@asynccontextmanager
async def put_back(register: Register, path: Path) -> AsyncIterator[Register]:
    """The hub as its backup has it, a day later."""
    url, now = f"sqlite:///{path.with_suffix('.restored')}", register.now + DAY
    await restore(path, url, service(), now)
    database = open_database(url)
    register.now = now + timedelta(hours=1)
    register.serve(replace(register.hub, database=database, recovery=Recovery()))
    await load_recovery(register.hub)
    yield register
    await database.close()


async def take_told(register: Register, keeper: Database) -> recovery_pb2.ReturnDirectoryRequest:
    """The node takes all records that the hub has told it of; what it would hand back then."""
    hub, key = register.hub, public_bytes(register.hub.documents)
    head = next(each for each in await hub.database.read(hub.outbox.heads) if each.destination == PROVINCE)
    told = await hub.database.read(lambda tx: hub.outbox.pending(tx, head, range(1, head.sequence + 1)))
    for each in (each for each in told if each.type == GIVEN):
        event: Any = SimpleNamespace(origin="hub", message=each.payload)
        await keeper.write(lambda tx, event=event: keep_given(DocumentKeys(key))(tx, event, register.now))
    row = await hub.database.read(registration.load_directory)
    assert row is not None
    directory, records = common_pb2.SignedDocument.FromString(row.document), await keeper.read(kept.all)
    return recovery_pb2.ReturnDirectoryRequest(directory=directory, records=records.values())


async def hand_back(register: Register, held: recovery_pb2.ReturnDirectoryRequest) -> int:
    async def nothing() -> None:
        return None

    keys: Any = SimpleNamespace(refresh=nothing)
    handlers = DirectoryReturnHandlers(register.hub, keys, register.delivery.alarms, nothing)
    return (await register.asked(NODE, handlers.ReturnDirectory(held, _CONTEXT))).entered


async def decided(register: Register) -> tuple[object, ...]:
    """Everything that the hub alone decides."""

    def read(tx: Any) -> tuple[object, ...]:
        everything = life.load_steps(tx, FUZHOU), life.all_evidence(tx, FUZHOU), unit_history.load_standings(tx, [FUZHOU])
        ended = [(each.name, each.key_fingerprint, each.revoked_at) for each in holders.list(tx)]
        return registration.load_unit(tx, FUZHOU), *everything, life.load_policy(tx), ended

    return await register.hub.database.read(read)


async def ask(register: Register, stage: str, caller: Caller = NODE) -> None:
    request = pb.AskStepRequest(code=FUZHOU, stage=stage_to_wire(Stage(stage)))
    await register.asked(caller, register.lives.AskStep(request, _CONTEXT))


async def decide(register: Register, caller: Caller) -> None:
    await register.asked(caller, register.lives.DecideStep(pb.DecideStepRequest(code=FUZHOU, approve=True), _CONTEXT))


async def prove(register: Register) -> None:
    found = [pb.UnitEvidence(proof=proof, passed=True, detail="320000") for proof in TOLD]
    found[TOLD.index(pb.PROOF_DOCTOR)].examination.ParseFromString(register.examined(PROVINCE))
    await register.asked(NODE, register.records.RecordEvidence(pb.RecordEvidenceRequest(code=FUZHOU, evidence=found), _CONTEXT))


async def live_on(register: Register) -> None:
    """Everything that the hub decides after its backup."""
    register.now += timedelta(hours=1)
    await prove(register)
    await ask(register, "verified")
    await ask(register, "open")
    await decide(register, NODE)
    policy = policy_to_wire(replace(USUAL_POLICY, silent_days=5))
    await register.asked(MINISTRY, register.records.SetLifePolicy(pb.SetLifePolicyRequest(policy=policy), _CONTEXT))
    plan = service_pb2.PlanUnitRequest(code=FUZHOU, status=registration_pb2.UNIT_STATUS_OPEN, with_system=True)
    plan.on.CopyFrom(to_timestamp(register.now + 100 * DAY))
    await register.asked(NODE, register.units.PlanUnit(plan, _CONTEXT))

    def revoke(tx: Any) -> None:
        holders.save(tx, Holder(Role.OPERATOR, "zhao", "ab" * 32, register.now, register.now, "recovered"))
        give_operators(register.hub, tx, register.now)

    await register.hub.database.write(revoke)


async def test_steps_proofs_approvals_plans_policy_and_ended_operators_come_back(
    register: Register, keeper: Database, tmp_path: Path
) -> None:
    path = tmp_path / "hub.backup"
    await backup(register.hub.database, service(), path, register.now)
    await live_on(register)
    await decide(register, MINISTRY)
    before, held = await decided(register), await take_told(register, keeper)
    assert isinstance(before[0], type(CITY)) and before[0].status is UnitStatus.OPEN
    async with put_back(register, path):
        assert await decided(register) != before
        assert await hand_back(register, held) > 0
        known = await decided(register)
        assert (known[0], known[1], known[4], known[5]) == (before[0], before[1], before[4], before[5])
        assert set(known[2]) == set(before[2]) and set(before[3]) <= set(known[3])  # type: ignore[call-overload]
        again = await take_told(register, keeper)
        assert await hand_back(register, again) == 0, "a repeat changes nothing"
        assert await register.hub.database.read(register.delivery.alarms.all) == ()


async def test_a_step_that_waits_for_the_ministry_waits_again_and_what_was_decided_since_stays(
    register: Register, keeper: Database, tmp_path: Path
) -> None:
    path = tmp_path / "hub.backup"
    await backup(register.hub.database, service(), path, register.now)
    await live_on(register)
    held = await take_told(register, keeper)
    await decide(register, MINISTRY)  # which nobody hears of any more
    async with put_back(register, path):
        policy = policy_to_wire(replace(USUAL_POLICY, silent_days=3))
        await register.asked(MINISTRY, register.records.SetLifePolicy(pb.SetLifePolicyRequest(policy=policy), _CONTEXT))
        await hand_back(register, held)
        assert (await register.hub.database.read(life.load_policy)).silent_days == 3, "what was decided since the restore stays"
        waiting = await register.asked(MINISTRY, register.lives.ListPendingSteps(pb.ListPendingStepsRequest(), _CONTEXT))
        assert [(step.unit, step.waits_for) for step in waiting.steps] == [(FUZHOU, pb.APPROVAL_SIDE_MINISTRY)], "approve again"
        await decide(register, MINISTRY)
        assert (await decided(register))[0].status is UnitStatus.OPEN  # type: ignore[attr-defined]


async def test_a_unit_whose_step_nobody_kept_is_named_to_the_ministry(register: Register, keeper: Database, tmp_path: Path) -> None:
    path = tmp_path / "hub.backup"
    await backup(register.hub.database, service(), path, register.now)
    await take_told(register, keeper)
    await live_on(register)
    await decide(register, MINISTRY)
    held = await take_told(register, keeper)
    del held.records[:]  # its node had the directory, and not the records
    async with put_back(register, path):
        await hand_back(register, held)
        alarms = await register.hub.database.read(register.delivery.alarms.all)
        assert [(each.member, each.code, each.detail) for each in alarms] == [(PROVINCE, "REGISTRATION_STEPS_LOST", "350100 open")]


async def test_a_record_that_the_hub_did_not_sign_before_its_restore_brings_nothing(
    register: Register, keeper: Database, tmp_path: Path
) -> None:
    path, stranger = tmp_path / "hub.backup", create_signing_key(tmp_path / "stranger.key")
    await backup(register.hub.database, service(), path, register.now)
    held = await take_told(register, keeper)
    policy = records_pb2.KeptRecord(name="policy", policy=policy_to_wire(replace(USUAL_POLICY, silent_days=1))).SerializeToString()
    async with put_back(register, path):
        late = int(register.now.timestamp() * 1000) + 1
        swapped, foreign, later = (
            document_to_wire(sign(policy, "record", version, key))
            for version, key in ((1, register.hub.documents), (late - 86_400_000, stranger), (late, register.hub.documents))
        )
        swapped.payload = policy.replace(b"policy", b"350100")
        for record in (swapped, foreign):
            with pytest.raises(Refused) as refused:
                await hand_back(register, recovery_pb2.ReturnDirectoryRequest(directory=held.directory, records=[record]))
            assert refused.value.refusal.code.name.startswith("SECURITY_DOCUMENT_")
        held.records.append(later)
        await hand_back(register, held)
        assert (await register.hub.database.read(life.load_policy)).silent_days == USUAL_POLICY.silent_days


def _folder_of_keys(root: Path) -> Path:
    return next(path.parent for path in root.rglob(KEY_FILE))


@pytest.mark.parametrize("keeper_knows", ["the key before", "the present key"])
async def test_records_are_kept_and_come_back_whichever_key_of_the_hub_their_keeper_knows(
    register: Register, keeper: Database, tmp_path: Path, keeper_knows: str
) -> None:
    """One that joined after an exchange is given records of before; one that has not heard of it yet is given records by the new key."""
    path, before = tmp_path / "hub.backup", register.hub
    await backup(before.database, service(), path, register.now)
    if keeper_knows == "the present key":
        await live_on(register)
    folder = await asyncio.to_thread(_folder_of_keys, tmp_path)
    exchange_key(folder, register.now)
    after = replace(before, documents=load_signing_key(folder / KEY_FILE), vouchers=load_vouchers(folder))
    register.serve(after)
    if keeper_knows == "the key before":
        await live_on(register)
    await decide(register, MINISTRY)
    known = before if keeper_knows == "the key before" else after
    register.serve(replace(after, documents=known.documents))
    held = await take_told(register, keeper)
    register.serve(after)
    assert len(held.records) > 1
    async with put_back(register, path):
        assert await hand_back(register, held) > 0


async def test_a_record_by_a_known_key_that_was_changed_on_the_way_is_refused(register: Register, keeper: Database) -> None:
    given = records_pb2.RecordsGiven(documents=(await register.hub.database.read(hub_records.all)).values())
    given.documents[0].payload += b"x"
    event: Any = SimpleNamespace(origin="hub", message=given.SerializeToString())
    keys = DocumentKeys(public_bytes(register.hub.documents))
    with pytest.raises(Refused) as refused:
        await keeper.write(lambda tx: keep_given(keys)(tx, event, register.now))
    assert refused.value.refusal.code.name == "SECURITY_DOCUMENT_BAD_SIGNATURE"
