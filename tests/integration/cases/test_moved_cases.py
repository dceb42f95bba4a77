"""A unit that moves to a node of its own takes its open cases along: none is lost, none has two owners, whatever stops in between."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
from tests.core.cases.builders import FUZHOU, NANJING, SHANGHAI
from tests.integration.cases.test_cases_replicas import MEMBERS, Federation, Member, _head, _open, opened

from province_node.moved_cases import MovedCases
from twelve333.adapters.rpc import access
from twelve333.api.cases.v1 import cases_pb2
from twelve333.api.cases.v1 import service_pb2 as pb
from twelve333.core.decision import Refused
from twelve333.core.identity import Caller, Role

OLD = "320000"  # served 南京 until it moved to a node of its own


@pytest.fixture
async def federation(tmp_path: Path) -> AsyncIterator[Federation]:
    access._caller.set(Caller(Role.DESK, OLD, "wang"))
    async with opened(tmp_path, (*MEMBERS, NANJING)) as made:
        yield made


def move(federation: Federation, member: str = NANJING) -> None:
    """What the directory says from now on."""
    directory = federation.members[OLD].ports.directory.current  # the one that all have
    directory.version += 1
    for unit in directory.units:
        if unit.code == NANJING:
            unit.member = member


async def look(federation: Federation, *names: str) -> None:
    for name in names or (OLD, NANJING):
        await MovedCases(federation.members[name].ports).step()


def done(case: cases_pb2.Case) -> list[Any]:
    return [step.WhichOneof("done") for step in case.history]


async def owners(federation: Federation) -> dict[str, str]:
    """Who owns the case, as each member knows it."""
    found = {}
    for name, member in federation.members.items():
        try:
            found[name] = (await member.case()).owner.member
        except Refused:
            continue
    return found


async def test_a_moved_units_case_is_continued_at_its_new_node_to_the_end(federation: Federation) -> None:
    chance = Random(12333)
    await _open(federation)
    await look(federation)
    await federation.carry(chance)
    old, new = federation.members[OLD], federation.members[NANJING]
    before = await old.case()
    assert done(before) == ["opened"], "as long as the unit stays, nothing moves"
    move(federation)
    await look(federation)
    await federation.carry(chance)
    await look(federation)
    await federation.carry(chance)
    case = await new.case()
    assert (done(case), case.owner.member, case.first_asked.member) == (["opened", "offered", "accepted"], NANJING, NANJING)
    assert (case.owner_epoch, case.owner_due) == (2, before.owner_due), "a move gives nobody more time"
    with pytest.raises(Refused, match="CASES_UNIT_NOT_YOURS"):
        await old.handlers.AnswerCase(pb.AnswerCaseRequest(**_head(NANJING, "late", 2), answer="from the old node"), None)
    await new.handlers.AnswerCase(pb.AnswerCaseRequest(**_head(NANJING, "s1", 2), answer="paid on Friday"), None)
    await new.handlers.TellCaller(pb.TellCallerRequest(**_head(NANJING, "s2", 2)), None)
    await new.handlers.CloseCase(pb.CloseCaseRequest(**_head(NANJING, "s3", 2)), None)
    await federation.carry(chance)
    assert (await federation.members["hub"].case()).history == (await new.case()).history
    await look(federation)
    assert len((await new.case()).history) == 6, "what is closed stays"


@pytest.mark.parametrize("seed", range(6))
async def test_whatever_stops_in_between_the_case_has_one_owner_and_arrives(federation: Federation, seed: int) -> None:
    chance, names = Random(seed), (OLD, NANJING)
    await _open(federation)
    move(federation)
    for _ in range(12):
        await look(federation, *chance.sample(names, chance.randint(0, 2)))
        await federation.carry(chance, share=0.5)
        known = await owners(federation)
        epochs = {name: (await federation.members[name].case()).owner_epoch for name in known}
        newest = max(epochs.values())
        assert len({known[name] for name, epoch in epochs.items() if epoch == newest}) == 1
    for _ in range(3):
        await look(federation)
        await federation.carry(chance)
    assert await owners(federation) == {"hub": NANJING, OLD: NANJING, NANJING: NANJING}
    histories = [(await federation.members[name].case()).history for name in ("hub", OLD, NANJING)]
    assert histories[0] == histories[1] == histories[2]
    assert done(await federation.members["hub"].case()) == ["opened", "offered", "accepted"]


async def answered(federation: Federation, chance: Random) -> None:
    """A case of 南京 that 上海 has taken over and answered; the caller does not know yet."""
    await _open(federation)
    shanghai = federation.node(SHANGHAI)
    await federation.node(NANJING).TransferCase(pb.TransferCaseRequest(**_head(NANJING, "s1", 1), to_unit=SHANGHAI), None)
    await federation.carry(chance)
    await shanghai.AcceptCase(pb.AcceptCaseRequest(**_head(SHANGHAI, "s2", 1)), None)
    await shanghai.AnswerCase(pb.AnswerCaseRequest(**_head(SHANGHAI, "s3", 2), answer="paid on Friday"), None)


async def rest(federation: Federation, chance: Random) -> None:
    for _ in range(3):
        await federation.carry(chance)
        await look(federation)
    await federation.carry(chance)


async def test_a_moved_units_answered_case_is_told_and_closed_at_its_new_node(federation: Federation) -> None:
    chance = Random(12333)
    await answered(federation, chance)
    move(federation)
    await rest(federation, chance)
    new = federation.members[NANJING]
    case = await new.case()
    assert (done(case)[-3:], case.answer) == (["answered", "duty_offered", "duty_taken"], "paid on Friday"), "told what was before, too"
    assert (case.first_asked.member, case.owner.member, case.owner_epoch) == (NANJING, "310000", 2)
    with pytest.raises(Refused, match="CASES_UNIT_NOT_YOURS"):
        await federation.members[OLD].handlers.TellCaller(pb.TellCallerRequest(**_head(NANJING, "late", 2)), None)
    await new.handlers.TellCaller(pb.TellCallerRequest(**_head(NANJING, "s4", 2)), None)
    move(federation, OLD)  # and back: what is left, closing, goes along
    await rest(federation, chance)
    await federation.members[OLD].handlers.CloseCase(pb.CloseCaseRequest(**_head(NANJING, "s5", 2)), None)
    await federation.carry(chance)
    histories = [(await federation.members[name].case()).history for name in ("hub", OLD, "310000")]
    assert histories[0] == histories[1] == histories[2]
    assert done(await federation.members["hub"].case())[-4:] == ["told", "duty_offered", "duty_taken", "closed"]


@pytest.mark.parametrize("seed", range(4))
async def test_whatever_stops_in_between_one_member_can_tell_the_caller_and_the_duty_arrives(federation: Federation, seed: int) -> None:
    chance = Random(seed)
    await answered(federation, chance)
    move(federation)
    for number in range(10):
        await look(federation, *chance.sample((OLD, NANJING), chance.randint(0, 2)))
        await federation.carry(chance, share=0.5)
        if number == 4:
            move(federation, OLD)
            move(federation)
    await rest(federation, chance)
    cases = [await federation.members[name].case() for name in ("hub", OLD, NANJING, "310000")]
    assert all(case.history == cases[0].history for case in cases)
    assert (cases[0].first_asked.member, cases[0].HasField("offered_to")) == (NANJING, False)


async def test_a_duty_is_not_foisted_on_a_node_that_does_not_serve_its_unit(federation: Federation) -> None:
    chance = Random(5)
    await answered(federation, chance)
    await federation.carry(chance)
    move(federation, "350000")  # what one node believes
    await look(federation, OLD)
    move(federation, NANJING)
    await federation.carry(chance)
    await look(federation, "350000")
    assert done(await federation.members["350000"].case())[-2:] == ["duty_offered", "duty_declined"]
    await rest(federation, chance)
    assert (await federation.members[NANJING].case()).first_asked.member == NANJING


async def test_a_case_is_not_foisted_on_a_node_that_does_not_serve_its_unit(federation: Federation) -> None:
    chance = Random(5)
    await _open(federation)
    move(federation, "350000")  # what one node believes
    await look(federation, OLD)
    move(federation, NANJING)
    await federation.carry(chance)
    await look(federation, "350000")
    assert done(await federation.members["350000"].case()) == ["opened", "offered", "refused"]
    for _ in range(3):
        await federation.carry(chance)
        await look(federation)
    assert (await federation.members[NANJING].case()).owner.member == NANJING


async def test_what_others_offered_to_the_unit_at_its_old_node_goes_back_and_comes_to_the_new_one(federation: Federation) -> None:
    chance, fuzhou = Random(3), federation.node(FUZHOU)
    opening = pb.OpenCaseRequest(case_id="c1", unit=FUZHOU, topic="0301", region=SHANGHAI, summary="wages unpaid")
    await fuzhou.OpenCase(opening, None)
    await fuzhou.TransferCase(pb.TransferCaseRequest(**_head(FUZHOU, "s1", 1), to_unit=NANJING), None)
    await federation.carry(chance)
    move(federation)
    await look(federation)
    await federation.carry(chance)
    case = await federation.members["350000"].case()
    assert (done(case), case.owner.member) == (["opened", "offered", "refused"], "350000")
    await fuzhou.TransferCase(pb.TransferCaseRequest(**_head(FUZHOU, "s2", 1), to_unit=NANJING), None)
    await federation.carry(chance)
    await federation.members[NANJING].handlers.AcceptCase(pb.AcceptCaseRequest(**_head(NANJING, "s3", 1)), None)
    await federation.carry(chance)
    moved: Member = federation.members[NANJING]
    move(federation, OLD)  # and back: the case goes along again; who was asked first stays
    for _ in range(3):
        await look(federation)
        await federation.carry(chance)
    case = await federation.members["350000"].case()
    assert (case.owner.member, case.first_asked.member, case.owner_epoch) == (OLD, "350000", 3)
    assert (await moved.case()).owner.member == OLD
