"""Two nodes that a dishonest hub shows two directories: both notice when one tells the other the head of its log, hub or no hub."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest_asyncio
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from province_node.alarms import Alarms
from province_node.directory import CURRENT, PURPOSE, DirectoryReplica
from province_node.split import noticing_splits
from province_node.store import delivery_of
from province_node.store.audit import log
from twelve333.adapters.audit import HEAD, HeadTelling, witness_heads
from twelve333.adapters.signing.documents import public_bytes, sign
from twelve333.adapters.sql import Database, open_database
from twelve333.adapters.sql.delivery import Arrival, Delivery
from twelve333.adapters.sql.prepare import prepare
from twelve333.api.common.v1 import common_pb2
from twelve333.api.registration.v1 import registration_pb2
from twelve333.core.audit.model import Entry
from twelve333.core.documents import digest_of
from twelve333.wire.documents import document_to_wire
from twelve333.wire.times import to_timestamp

NOW = datetime(2026, 3, 30, 9, tzinfo=UTC)
KEY = Ed25519PrivateKey.generate()
JIANGSU, FUJIAN = "320000", "350000"


@dataclass
class Node:
    """A node as far as directories and heads go."""

    delivery: Delivery
    database: Database
    replica: DirectoryReplica
    alarms: Alarms
    telling: HeadTelling

    async def hears(self, other: Node) -> int:
        """Take everything that the other has told; how many events those were."""
        heads = await other.database.read(other.delivery.outbox.heads)
        told, appliers = 0, {HEAD: noticing_splits(witness_heads(log), self.replica, self.alarms, log, self.telling)}
        for head in (each for each in heads if each.destination == self.delivery.member):
            waiting = range(head.watermark + 1, head.sequence + 1)
            envelopes = await other.database.read(lambda tx, head=head, waiting=waiting: other.delivery.outbox.pending(tx, head, waiting))
            arrivals = [Arrival(other.delivery.member, each) for each in envelopes]
            got = await self.database.write(lambda tx, arrivals=arrivals: self.delivery.inbox.receive(tx, arrivals, appliers, NOW))
            told += got.counts["applied"]
        return told

    async def seen(self) -> list[tuple[str, str]]:
        return [(each.code, each.detail) for each in await self.alarms.list()]


async def made(folder: Path, member: str, other: str) -> Node:
    url, delivery = f"sqlite:///{folder / member}.db", delivery_of(member)
    await prepare("province_node", url, delivery, NOW)
    database, replica = open_database(url), DirectoryReplica(public_bytes(KEY))
    telling = HeadTelling(database, log, delivery.outbox, lambda: NOW, lambda _tx: [other], lambda: replica.held)
    await database.write(lambda tx: log.append(tx, Entry(NOW, "operator", member, "handoff.take", "h1")))
    return Node(delivery, database, replica, Alarms(database, lambda: NOW, delivery.alarms), telling)


@pytest_asyncio.fixture
async def nodes(tmp_path: Path) -> AsyncIterator[tuple[Node, Node]]:
    pair = await made(tmp_path, JIANGSU, FUJIAN), await made(tmp_path, FUJIAN, JIANGSU)
    yield pair
    for node in pair:
        await node.database.close()


def directory(
    version: int, endpoint: str, before: common_pb2.SignedDocument | None = None, made_at: datetime = NOW
) -> common_pb2.SignedDocument:
    content = registration_pb2.Directory(version=version, made_at=to_timestamp(made_at))
    content.members.add(name=FUJIAN, endpoint=endpoint)
    if before:
        content.previous_version, content.previous_sha256 = before.version, digest_of(before.payload)
    return document_to_wire(sign(content.SerializeToString(deterministic=True), PURPOSE, version, KEY))


async def test_two_texts_under_one_number_are_an_alarm_with_both_hashes_at_both_and_nothing_is_refused(nodes: tuple[Node, Node]) -> None:
    here, there = nodes
    first = directory(6, "127.0.0.1:1")
    true, false = directory(7, "127.0.0.1:1", first), directory(7, "127.0.0.1:9", first)
    for node, document in ((here, true), (there, false)):
        await node.replica.accept(node.database, first, NOW)
        await node.replica.accept(node.database, document, NOW)
    await here.telling.step()
    assert await there.hears(here) == 1
    assert await here.hears(there) == 1, "who notices tells the other, whose witness it may not be"
    assert await there.hears(here) == 1, "the other's answer, which is the last"
    mine, other = digest_of(true.payload).hex()[:16], digest_of(false.payload).hex()[:16]
    assert await here.seen() == [("REGISTRATION_DIRECTORY_SPLIT", f"7 {mine} here, 7 {other} at {FUJIAN}")]
    assert await there.seen() == [("REGISTRATION_DIRECTORY_SPLIT", f"7 {other} here, 7 {mine} at {JIANGSU}")]
    assert await here.hears(there) == 0
    assert (here.replica.endpoint_of(FUJIAN), there.replica.endpoint_of(FUJIAN)) == ("127.0.0.1:1", "127.0.0.1:9"), "the last good ones"
    assert {head.sequence for head in await there.database.read(lambda tx: log.heads(tx, JIANGSU))} == {1}, (
        "its head is witnessed all the same"
    )


async def test_two_histories_with_numbers_of_their_own_are_noticed_by_what_each_was_made_from(nodes: tuple[Node, Node]) -> None:
    here, there = nodes
    first = directory(6, "127.0.0.1:1")
    await here.replica.accept(here.database, directory(7, "127.0.0.1:1", first), NOW)
    await there.replica.accept(there.database, directory(8, "127.0.0.1:9", first), NOW)
    await here.telling.step()
    await there.hears(here)
    assert [code for code, _ in await there.seen()] == ["REGISTRATION_DIRECTORY_SPLIT"]


async def test_a_hub_that_only_says_it_was_restored_begins_no_other_history_unnoticed(nodes: tuple[Node, Node]) -> None:
    here, there = nodes
    first = directory(6, "127.0.0.1:1")
    second = directory(7, "127.0.0.1:1", first)
    false = directory(1_000_007, "127.0.0.1:9", made_at=NOW + timedelta(minutes=5))
    for node, documents in ((here, (first, second)), (there, (first, false))):
        for document in documents:
            await node.replica.accept(node.database, document, NOW + timedelta(minutes=5))
    await here.telling.step()
    assert await there.hears(here) == 1
    assert await there.seen() == [], "as if it had been restored"
    later = NOW + timedelta(minutes=16)
    said = registration_pb2.DirectoryCurrent(directory_version=7, directory_sha256=digest_of(second.payload), at=to_timestamp(later))
    word = document_to_wire(sign(said.SerializeToString(deterministic=True), CURRENT, 1, KEY))
    assert await here.replica.confirm(here.database, word, later) is None
    await here.database.write(lambda tx: log.append(tx, Entry(later, "operator", JIANGSU, "handoff.take", "h2")))
    await here.telling.step()
    await there.hears(here)
    assert [code for code, _ in await there.seen()] == ["REGISTRATION_DIRECTORY_SPLIT"]
    await here.hears(there)
    assert [code for code, _ in await here.seen()] == ["REGISTRATION_DIRECTORY_SPLIT"]


async def test_a_node_that_is_behind_and_one_after_a_restore_of_the_hub_are_no_alarm(nodes: tuple[Node, Node]) -> None:
    here, there = nodes
    first = directory(6, "127.0.0.1:1")
    second = directory(7, "127.0.0.1:2", first)
    await here.replica.accept(here.database, first, NOW)
    for document in (second, directory(1_000_007, "127.0.0.1:3")):
        await there.replica.accept(there.database, document, NOW)
    for teller, hearer in ((here, there), (there, here)):
        await teller.telling.step()
        assert await hearer.hears(teller) == 1
        assert await hearer.seen() == []
