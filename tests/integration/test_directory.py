"""A node and a hub that turns bad: whatever it offers, the last good directory stays in use, and an alarm is counted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import grpc
import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from province_node.alarms import Alarms
from province_node.directory import CURRENT, PURPOSE, DirectoryReplica
from province_node.handlers.registration import DirectoryPull
from province_node.store import delivery_of
from twelve333.adapters.signing.documents import public_bytes, sign
from twelve333.adapters.sql.database import open_database
from twelve333.adapters.sql.prepare import prepare
from twelve333.api.common.v1 import common_pb2
from twelve333.api.registration.v1 import registration_pb2, service_pb2_grpc
from twelve333.api.registration.v1 import service_pb2 as pb
from twelve333.core.decision import Refused
from twelve333.core.documents import digest_of
from twelve333.core.registration.freshness import Freshness
from twelve333.wire.documents import document_to_wire
from twelve333.wire.times import to_timestamp

NOW = datetime(2026, 3, 30, 9, tzinfo=UTC)
KEY, STRANGER = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
HOUR = timedelta(hours=1)
Answer = pb.GetDirectoryResponse


def directory(
    version: int,
    made_at: datetime,
    endpoint: str = "127.0.0.1:1",
    key: Ed25519PrivateKey = KEY,
    before: common_pb2.SignedDocument | None = None,
) -> common_pb2.SignedDocument:
    made = registration_pb2.Directory(version=version, made_at=to_timestamp(made_at))
    if before:
        made.previous_version, made.previous_sha256 = before.version, digest_of(before.payload)
    made.members.add(name="320000", endpoint=endpoint)
    return document_to_wire(sign(made.SerializeToString(deterministic=True), PURPOSE, version, key))


def confirmed(document: common_pb2.SignedDocument, at: datetime, key: Ed25519PrivateKey = KEY) -> common_pb2.SignedDocument:
    said = registration_pb2.DirectoryCurrent(
        directory_version=document.version, directory_sha256=digest_of(document.payload), at=to_timestamp(at)
    )
    return document_to_wire(sign(said.SerializeToString(), CURRENT, int(at.timestamp() * 1000), key))


class BadHub(service_pb2_grpc.RegistrationServiceServicer):
    """Answers what it was told to."""

    def __init__(self) -> None:
        self.answer = Answer()
        self.asked, self.may_answer = asyncio.Event(), asyncio.Event()
        self.may_answer.set()

    async def GetDirectory(self, request: pb.GetDirectoryRequest, context: Any) -> Answer:
        self.asked.set()
        await self.may_answer.wait()
        return self.answer


@dataclass
class Stage:
    """A node's pull, and what the hub answers; `now` is the node's clock."""

    pull: DirectoryPull
    replica: DirectoryReplica
    alarms: Alarms
    hub: BadHub
    server: grpc.aio.Server
    reopen: Callable[[], Any]
    now: datetime = NOW
    good: common_pb2.SignedDocument = field(default_factory=lambda: directory(7, NOW))

    async def hear(self, answer: Answer) -> str:
        """Pull once; the code of what was refused, empty if nothing."""
        self.hub.answer = answer
        try:
            await self.pull.step()
        except Refused as refused:
            return refused.refusal.code.name
        return ""

    async def counted(self) -> dict[str, int]:
        return {each.code: each.count for each in await self.alarms.list()}


@pytest_asyncio.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    """A node that holds version 7, confirmed now."""
    url, hub, server = f"sqlite:///{tmp_path / 'node.db'}", BadHub(), grpc.aio.server()
    await prepare("province_node", url, delivery_of("350000"), NOW)
    database, replica = open_database(url), DirectoryReplica(public_bytes(KEY))
    service_pb2_grpc.add_RegistrationServiceServicer_to_server(hub, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        clock: Callable[[], datetime] = lambda: made.now  # noqa: E731 - the stage is made below
        alarms = Alarms(database, clock, delivery_of("350000").alarms)
        node: Any = SimpleNamespace(database=database, directory=replica, peers=SimpleNamespace(channel=lambda _: channel), clock=clock)

        async def reopened() -> DirectoryReplica:
            again = DirectoryReplica(public_bytes(KEY))
            await again.load(database)
            return again

        made = Stage(DirectoryPull(node, alarms), replica, alarms, hub, server, reopened)
        assert await made.hear(Answer(directory=made.good, current=confirmed(made.good, NOW))) == ""
        yield made
    await server.stop(0)
    await database.close()


def swapped(document: common_pb2.SignedDocument) -> common_pb2.SignedDocument:
    """The same signature over another part."""
    changed = common_pb2.SignedDocument()
    changed.CopyFrom(document)
    changed.payload = document.payload.replace(b"127.0.0.1:1", b"127.0.0.1:9")
    return changed


ATTACKS = {
    "rollback": (partial(directory, 6, NOW), "SECURITY_DOCUMENT_ROLLED_BACK"),
    "fork": (partial(directory, 7, NOW, "127.0.0.1:9"), "SECURITY_DOCUMENT_FORKED"),
    "wrong_key": (partial(directory, 8, NOW, key=STRANGER), "SECURITY_DOCUMENT_WRONG_KEY"),
    "swapped_part": (lambda: swapped(directory(8, NOW)), "SECURITY_DOCUMENT_BAD_SIGNATURE"),
}


@pytest.mark.parametrize("attack", ATTACKS)
async def test_a_bad_directory_is_refused_the_last_good_one_kept_and_an_alarm_counted(stage: Stage, attack: str) -> None:
    make, code = ATTACKS[attack]
    document = make()
    for _ in range(2):
        assert await stage.hear(Answer(directory=document, current=confirmed(document, NOW))) == code
    assert await stage.counted() == {code: 2}
    assert (stage.replica.version, stage.replica.endpoint_of("320000")) == (7, "127.0.0.1:1")
    assert (await stage.reopen()).version == 7


def vouched(by: Ed25519PrivateKey, key: Ed25519PrivateKey, number: int = 1) -> common_pb2.SignedDocument:
    """What one document key of the hub says of the next."""
    said = registration_pb2.DocumentKeyVoucher(key=public_bytes(key), by=public_bytes(by), at=to_timestamp(NOW))
    return document_to_wire(sign(said.SerializeToString(), "document-key", number, by))


async def test_a_document_key_that_the_one_before_vouches_for_is_taken_up_also_over_several_exchanges_and_a_restart(stage: Stage) -> None:
    second, third = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    vouchers = [vouched(KEY, second), vouched(second, third, 2)]
    newer = directory(8, NOW, "127.0.0.1:2", third)
    assert await stage.hear(Answer(directory=newer, current=confirmed(newer, NOW, third), document_vouchers=vouchers)) == ""
    assert (stage.replica.endpoint_of("320000"), await stage.counted()) == ("127.0.0.1:2", {})
    again = await stage.reopen()
    assert (again.version, again.keys.present) == (8, public_bytes(third))
    by_old = directory(9, NOW, "127.0.0.1:9", KEY)
    assert await stage.hear(Answer(directory=by_old, document_vouchers=vouchers)) == "SECURITY_DOCUMENT_WRONG_KEY", "the old one has ended"


async def test_a_voucher_by_somebody_else_or_without_a_directory_by_its_key_changes_nothing(stage: Stage) -> None:
    theirs = directory(8, NOW, "127.0.0.1:9", STRANGER)
    forged = vouched(KEY, STRANGER)
    forged.signature = vouched(STRANGER, STRANGER).signature
    assert await stage.hear(Answer(directory=theirs, document_vouchers=[forged])) == "SECURITY_DOCUMENT_BAD_SIGNATURE"
    assert await stage.hear(Answer(directory=theirs, document_vouchers=[vouched(STRANGER, STRANGER)])) == "SECURITY_DOCUMENT_WRONG_KEY"
    assert await stage.hear(Answer(directory=directory(8, NOW), document_vouchers=[vouched(KEY, STRANGER)])) == ""
    assert stage.replica.keys.present == public_bytes(KEY)
    assert stage.replica.endpoint_of("320000") == "127.0.0.1:1"


async def test_a_freeze_is_noticed_within_the_hour_and_the_directory_gets_old_and_works_on(stage: Stage) -> None:
    old = Answer(current=confirmed(stage.good, NOW))
    levels = {}
    for hours in (1, 2, 23, 24, 71, 72, 2000):
        stage.now = NOW + hours * HOUR
        assert await stage.hear(old) == ""
        levels[hours] = stage.replica.freshness(stage.now).value
    assert levels == {1: "fresh", 2: "fresh", 23: "fresh", 24: "stale", 71: "stale", 72: "overdue", 2000: "overdue"}
    assert await stage.counted() == {"REGISTRATION_DIRECTORY_FROZEN": 6}
    assert stage.replica.endpoint_of("320000") == "127.0.0.1:1"


async def test_a_version_that_is_confirmed_but_held_back_is_an_alarm_and_confirms_nothing(stage: Stage) -> None:
    stage.now = NOW + 30 * HOUR
    assert await stage.hear(Answer(current=confirmed(directory(8, stage.now), stage.now))) == ""
    assert await stage.counted() == {"REGISTRATION_CONFIRMATION_OTHER": 1}
    assert stage.replica.freshness(stage.now) is Freshness.STALE


async def test_a_confirmation_by_another_key_confirms_nothing(stage: Stage) -> None:
    stage.now = NOW + 30 * HOUR
    assert await stage.hear(Answer(current=confirmed(stage.good, stage.now, STRANGER))) == "SECURITY_DOCUMENT_WRONG_KEY"
    assert await stage.counted() == {"SECURITY_DOCUMENT_WRONG_KEY": 1}
    assert stage.replica.freshness(stage.now) is Freshness.STALE


async def test_a_confirmation_that_goes_back_is_an_alarm_and_the_newer_one_counts(stage: Stage) -> None:
    stage.now = NOW + HOUR
    assert await stage.hear(Answer(current=confirmed(stage.good, stage.now))) == ""
    assert await stage.hear(Answer(current=confirmed(stage.good, NOW))) == ""
    assert await stage.counted() == {"REGISTRATION_CONFIRMATION_WENT_BACK": 1}
    assert stage.replica.confirmation.signed_at == stage.now


async def test_a_clock_that_is_off_raises_an_alarm_and_ends_no_service(stage: Stage) -> None:
    stage.now = NOW + 30 * HOUR
    newer = directory(8, stage.now + 5 * HOUR, "127.0.0.1:2")
    assert await stage.hear(Answer(directory=newer, current=confirmed(newer, stage.now + 5 * HOUR))) == ""
    assert await stage.counted() == {"REGISTRATION_CONFIRMATION_FROM_FUTURE": 1}
    assert (stage.replica.endpoint_of("320000"), stage.replica.freshness(stage.now)) == ("127.0.0.1:2", Freshness.FRESH)


async def test_a_directory_that_says_it_was_made_later_than_it_can_be_is_an_alarm_though_its_confirmation_is_of_now(stage: Stage) -> None:
    later = directory(8, NOW + HOUR)
    assert await stage.hear(Answer(directory=later, current=confirmed(later, NOW))) == ""
    assert await stage.counted() == {"REGISTRATION_CONFIRMATION_FROM_FUTURE": 1}
    assert await stage.hear(Answer(current=confirmed(later, NOW))) == ""
    assert await stage.counted() == {"REGISTRATION_CONFIRMATION_FROM_FUTURE": 1}, "once for each directory"


async def test_a_directory_not_made_from_the_one_shown_before_comes_into_use_and_is_an_alarm_with_both_hashes(stage: Stage) -> None:
    after = directory(8, NOW, before=directory(7, NOW, "127.0.0.1:2"))  # others were shown that
    again = directory(9, NOW, before=after)
    for next_one in (after, again):
        assert await stage.hear(Answer(directory=next_one, current=confirmed(next_one, NOW))) == ""
    mine, theirs = (digest_of(each.payload).hex()[:16] for each in (stage.good, after))
    assert stage.replica.version == 9
    assert [(each.code, each.count, each.detail) for each in await stage.alarms.list()] == [
        ("REGISTRATION_DIRECTORY_OTHER_HISTORY", 1, f"7 {mine} here, 8 {theirs} at hub")
    ]


async def test_a_directory_made_from_the_one_held_or_one_missed_and_one_after_a_restore_are_no_alarm(stage: Stage) -> None:
    missed = directory(9, NOW, "127.0.0.1:2")
    for next_one in (directory(8, NOW, before=stage.good), directory(10, NOW, before=missed), directory(1_000_010, NOW)):
        assert await stage.hear(Answer(directory=next_one, current=confirmed(next_one, NOW))) == ""
    assert await stage.counted() == {}


async def test_how_old_it_is_outlives_a_restart(stage: Stage) -> None:
    stage.now = NOW + 10 * HOUR
    assert await stage.hear(Answer(current=confirmed(stage.good, stage.now))) == ""
    again = await stage.reopen()
    assert [again.freshness(stage.now + hours * HOUR).value for hours in (0, 24, 72)] == ["fresh", "stale", "overdue"]


async def test_a_hub_counts_as_away_only_once_it_has_failed_to_answer(stage: Stage) -> None:
    assert not stage.pull.hub_away  # nor while it is asked: who looks then must not think himself left behind
    stage.hub.asked.clear()
    stage.hub.may_answer.clear()
    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        group.create_task(stage.pull.step())
        await stage.hub.asked.wait()
        assert not stage.pull.hub_away
        stage.hub.may_answer.set()
    await stage.server.stop(0)
    with pytest.raises(grpc.aio.AioRpcError):
        await stage.pull.step()
    assert stage.pull.hub_away


async def test_an_older_hub_that_confirms_nothing_is_no_alarm(stage: Stage) -> None:
    assert await stage.hear(Answer()) == ""
    assert await stage.counted() == {}
