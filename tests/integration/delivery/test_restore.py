"""A database restored from a backup loses nothing that others told since, and nothing that it tells from then on is taken for old.

The scenario of the findings: a restored node silently lost 300 of 300 new messages. Here it loses 0, in both directions.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from twelve333.adapters.clock import system_clock
from twelve333.adapters.sql import migrate, open_database
from twelve333.adapters.sql.backup import Service, backup, restore

from .conftest import Member, metadata, tables

Members = dict[str, Member]


class Declared:
    """The schema of these tests: the tables as declared, without revisions."""

    def make(self, url: str, revision: str) -> None:
        """See `Schema`."""
        migrate.with_connection(url, lambda connection: (metadata.create_all(connection), connection.commit()))

    def finish(self, url: str) -> str:
        """See `Schema`."""
        return ""


def service(member: Member) -> Service:
    return Service("test", metadata, member.delivery, Declared())


async def back_up(member: Member, path: Path) -> Path:
    """While the member runs."""
    await backup(member.database, service(member), path, system_clock())
    return path


async def bring_back(member: Member, path: Path, now: datetime | None = None) -> int:
    """Stop the member, restore it, start it; returns its new epoch."""
    await member.stop()
    await member.database.close()
    done = await restore(path, member.url, service(member), now or system_clock(), replace=True)
    member.database = open_database(member.url)
    await member.start()
    return done.epoch


async def test_a_restored_node_loses_none_of_300_in_either_direction(members: Members, tmp_path: Path) -> None:
    node, peer, hub = members["320000"], members["310000"], members["hub"]
    await node.tell("310000", range(20))
    await peer.tell("320000", range(20))
    await node.until_confirmed()
    await peer.until_confirmed()
    file = await back_up(node, tmp_path / "node.backup")
    await peer.tell("320000", range(20, 320))  # told to it after the backup, confirmed, and then lost with its disk
    await hub.tell("320000", range(300))
    await peer.until_confirmed()
    await hub.until_confirmed()
    before = node.delivery.outbox
    epoch = await bring_back(node, file)
    assert await node.database.read(before.epoch) == epoch
    await node.tell("310000", range(1000, 1300))  # what it tells now has numbers that were used before
    await node.tell("hub", range(1000, 1300))
    await node.until_confirmed()
    await node.until_heard("310000", 320)
    await node.until_heard("hub", 300)
    assert await node.numbers("310000") == list(range(320))
    assert await node.numbers("hub") == list(range(300))
    assert await peer.numbers("320000") == [*range(20), *range(1000, 1300)]
    assert await hub.numbers("320000") == list(range(1000, 1300))


async def test_what_was_told_between_backup_and_loss_has_no_second_effect(members: Members, tmp_path: Path) -> None:
    node, peer = members["320000"], members["310000"]
    await peer.stop()
    await node.tell("310000", range(30))
    file = await back_up(node, tmp_path / "node.backup")  # these 30 wait in it
    await peer.start()
    await node.until_confirmed()
    await bring_back(node, file)
    await node.tell("310000", range(30, 60))
    await node.until_confirmed()
    assert await peer.numbers("320000") == list(range(60))


async def test_both_sides_restored_to_different_days_still_agree(members: Members, tmp_path: Path) -> None:
    node, peer = members["320000"], members["310000"]
    await node.tell("310000", range(10))
    await node.until_confirmed()
    of_peer = await back_up(peer, tmp_path / "peer.backup")
    await node.tell("310000", range(10, 50))
    await node.until_confirmed()
    of_node = await back_up(node, tmp_path / "node.backup")
    await bring_back(node, of_node)
    await node.tell("310000", range(50, 70))
    await node.until_confirmed()
    await bring_back(peer, of_peer)  # its inbox knows only the node's first life
    await peer.until_heard("320000", 70)
    assert await peer.numbers("320000") == list(range(70))
    await node.until_confirmed()
    await node.tell("310000", range(70, 80))
    await node.until_confirmed()
    assert await peer.numbers("320000") == list(range(80))


async def test_events_too_old_to_be_told_again_do_not_hold_up_those_that_are_kept(members: Members, tmp_path: Path) -> None:
    node, peer = members["320000"], members["310000"]
    file = await back_up(peer, tmp_path / "peer.backup")
    await node.tell("310000", range(10))
    await node.until_confirmed()
    await node.database.write(lambda tx: tx.execute(tables.outbox.delete()))  # as retention does once they are old
    await node.tell("310000", range(10, 20))
    await node.until_confirmed()
    await bring_back(peer, file)
    await peer.until_heard("320000", 10)
    assert await peer.numbers("320000") == list(range(10, 20))


async def test_a_backup_of_a_running_member_is_one_moment(members: Members, tmp_path: Path) -> None:
    node = members["320000"]
    await node.tell("310000", range(200))
    file = await back_up(node, tmp_path / "node.backup")
    await node.tell("310000", range(200, 400))
    await node.until_confirmed()
    copy = tmp_path / "copy.db"
    await restore(file, f"sqlite:///{copy}", service(node), system_clock())
    opened = open_database(f"sqlite:///{copy}")
    heads = await opened.read(node.delivery.outbox.heads)
    rows = await opened.read(lambda tx: len(tx.execute(tables.outbox.select()).all()))
    await opened.close()
    assert rows == 201 and heads[0].sequence <= 201  # and the news of the restore
