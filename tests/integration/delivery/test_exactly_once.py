"""Every event has exactly one effect, in order, whatever happens to receiver, sender or broker."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.support.broker import TestBroker
from twelve333.adapters.clock import system_clock
from twelve333.adapters.relay import receiver
from twelve333.adapters.sql import open_database
from twelve333.core.delivery.model import Receipt

from .conftest import Member

Members = dict[str, Member]


async def test_events_arrive_once_in_order_and_are_confirmed(members: Members) -> None:
    await members["320000"].tell("310000", range(500))
    await members["320000"].tell("hub", range(10))
    await members["hub"].tell("320000", range(7))
    for member in members.values():
        await member.until_confirmed()
    assert await members["310000"].numbers("320000") == list(range(500))
    assert await members["hub"].numbers("320000") == list(range(10))
    assert await members["320000"].numbers("hub") == list(range(7))
    told = {line.destination: line.delivered for line in (await members["320000"].status()).outbox}
    assert told == {"310000": 500, "hub": 10}


async def test_events_wait_while_the_receiver_is_away(members: Members) -> None:
    await members["310000"].stop()
    await members["320000"].tell("310000", range(600))
    await members["310000"].start()
    await members["320000"].until_confirmed()
    assert await members["310000"].numbers("320000") == list(range(600))


async def test_events_survive_a_restart_of_the_sender(members: Members) -> None:
    await members["320000"].stop()
    await members["320000"].tell("310000", range(50))
    await members["320000"].start()
    await members["320000"].until_confirmed()
    assert await members["310000"].numbers("320000") == list(range(50))


async def test_a_broker_that_dies_and_forgets_everything_loses_nothing(members: Members, broker: TestBroker) -> None:
    await members["310000"].stop()
    await members["320000"].tell("310000", range(20))
    await broker.stop()
    broker.wipe()
    await members["320000"].tell("310000", range(20, 400))
    await members["310000"].start()
    await broker.start()
    await members["320000"].until_confirmed()
    assert await members["310000"].numbers("320000") == list(range(400))


async def test_a_receipt_lost_after_the_commit_makes_no_second_effect(members: Members, monkeypatch: pytest.MonkeyPatch) -> None:
    async def crash(_self: object, _receipts: list[Receipt]) -> None:
        return None

    with monkeypatch.context() as patch:
        patch.setattr(receiver.Receiver, "_confirm", crash)
        await members["320000"].tell("310000", range(30))
        await members["310000"].until_heard("320000", 30)
    await members["310000"].stop()
    await members["310000"].start()
    await members["320000"].until_confirmed()
    assert await members["310000"].numbers("320000") == list(range(30))


async def test_a_sender_that_repeats_itself_makes_no_second_effect(members: Members) -> None:
    await members["320000"].tell("310000", range(30))
    await members["320000"].until_confirmed()
    await members["320000"].stop()
    await _reopen(members["320000"])
    await members["320000"].start()
    await members["320000"].until_confirmed()
    assert await members["310000"].numbers("320000") == list(range(30))
    (line,) = (await members["310000"].status()).inbox
    assert (line.applied, line.duplicates > 0) == (30, True)


async def test_a_restored_receiver_gets_again_what_it_lost(members: Members, tmp_path: Path) -> None:
    sender, restored = members["320000"], members["310000"]
    await sender.tell("310000", range(20))
    await sender.until_confirmed()
    path, backup = tmp_path / "310000.db", tmp_path / "backup.db"
    await _offline(restored, lambda: shutil.copy(path, backup))
    await sender.tell("310000", range(20, 60))
    await sender.until_confirmed()
    await _offline(restored, lambda: shutil.copy(backup, path))
    await restored.until_heard("320000", 60)
    assert await restored.numbers("320000") == list(range(60))


async def test_a_restored_sender_under_a_new_epoch_loses_and_repeats_nothing(members: Members, tmp_path: Path) -> None:
    restored, receiver_ = members["320000"], members["310000"]
    path, backup = tmp_path / "320000.db", tmp_path / "backup.db"
    await receiver_.stop()
    await restored.tell("310000", range(20))
    await _offline(restored, lambda: shutil.copy(path, backup))
    await receiver_.start()
    await restored.until_confirmed()
    await restored.stop()
    await restored.database.close()
    shutil.copy(backup, path)
    restored.database = open_database(restored.url)
    await restored.database.write(lambda tx: restored.delivery.outbox.begin_epoch(tx, system_clock()))
    await restored.tell("310000", range(20, 40))
    await restored.start()
    await restored.until_confirmed()
    assert await receiver_.numbers("320000") == list(range(40))


async def test_an_event_that_cannot_be_applied_is_set_aside_and_those_behind_it_go_on(members: Members) -> None:
    def fail(number: int) -> None:
        if number == 5:
            raise ValueError(number)

    members["310000"].before_apply = fail
    await members["320000"].tell("310000", range(10))
    await members["320000"].until_confirmed()
    assert await members["310000"].numbers("320000") == [0, 1, 2, 3, 4, 6, 7, 8, 9]
    (line,) = (await members["310000"].status()).inbox
    assert (line.parked, line.applied, line.watermark) == (1, 9, 10)


async def test_a_member_starts_and_works_without_a_broker(broker: TestBroker, tmp_path: Path) -> None:
    await broker.stop()
    member = Member("350000", broker, tmp_path)
    await member.prepare()
    await member.start()
    await member.tell("hub", range(3))
    assert member.relay is not None
    assert not member.relay.connected
    (line,) = (await member.status()).outbox
    assert line.queued == 3
    await member.stop()
    await member.database.close()


async def _offline(member: Member, change: object) -> None:
    """Stop the member, do something to its file, start it again."""
    await member.stop()
    await member.database.close()
    change()  # type: ignore[operator]
    member.database = open_database(member.url)
    await member.start()


async def _reopen(member: Member) -> None:
    """Make the sender forget that anything was confirmed, as if every receipt had been lost."""
    heads = member.delivery.outbox._tables.outbox_heads
    await member.database.write(lambda tx: tx.execute(heads.update().values(watermark=0, delivered=0)))
