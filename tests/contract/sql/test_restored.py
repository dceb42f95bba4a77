"""A member that was put back to an older backup is told again what it lost, in order, also by members it no longer knows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, MetaData, create_engine, select

from twelve333.adapters.sql.delivery import Arrival, Delivery, delivery_tables
from twelve333.adapters.sql.inbox import Inbound
from twelve333.api.registration.v1 import events_pb2
from twelve333.core.delivery.model import Envelope

NOW = datetime(2026, 3, 2, 1, tzinfo=UTC)
TYPE = events_pb2.DirectoryChanged.DESCRIPTOR.full_name


class Side:
    """One member with a database in memory, which can be copied and put back."""

    def __init__(self, member: str) -> None:
        self.metadata = MetaData()
        self.tables = delivery_tables(self.metadata)
        self.member, self.seen = member, list[int]()
        self.delivery = Delivery(self.tables, member)
        self.tx: Connection = create_engine("sqlite://").connect()
        self.metadata.create_all(self.tx)
        self.delivery.outbox.begin_epoch(self.tx, NOW)

    def tell(self, destination: str, *versions: int) -> None:
        for version in versions:
            message = events_pb2.DirectoryChanged(version=version)
            self.delivery.outbox.append(self.tx, destination=destination, message=message, now=NOW)

    def waiting(self, destination: str) -> list[Envelope]:
        head = next(head for head in self.delivery.outbox.heads(self.tx) if head.destination == destination)
        return self.delivery.outbox.pending(self.tx, head, range(head.watermark + 1, head.sequence + 1))

    def take(self, sender: Side, envelopes: list[Envelope]) -> None:
        """Apply and let the sender have the receipt."""
        arrivals = [Arrival(sender.member, envelope) for envelope in envelopes]
        received = self.delivery.inbox.receive(self.tx, arrivals, {TYPE: self._apply}, NOW)
        for receipt in received.receipts.values():
            sender.delivery.close(sender.tx, receipt, self.member, NOW)

    def _apply(self, tx: Connection, inbound: Inbound, now: datetime) -> None:
        self.seen.append(events_pb2.DirectoryChanged.FromString(inbound.message).version)

    def close(self) -> None:
        self.tx.close()


def test_everything_since_the_backup_is_told_again_before_anything_new_is_taken() -> None:
    hub, blank = Side("hub"), Side("350000")  # `blank` is what the backup holds: it has never heard of the hub
    lost = Side("350000")
    hub.tell("350000", 1, 2, 3)
    lost.take(hub, hub.waiting("350000"))
    assert lost.seen == [1, 2, 3]
    assert hub.waiting("350000") == []
    hub.tell("350000", 4)
    blank.delivery.restored(blank.tx, ["hub"], NOW + timedelta(minutes=1))
    blank.take(hub, hub.waiting("350000"))  # too early: it would overtake 1 to 3
    assert blank.seen == []
    hub.take(blank, blank.waiting("hub"))
    blank.take(hub, hub.waiting("350000"))
    assert blank.seen == [1, 2, 3, 4]
    assert hub.waiting("350000") == []
    for side in (hub, blank, lost):
        side.close()


def test_a_restore_under_a_clock_that_was_set_back_is_heard_all_the_same() -> None:
    """Found by the simulator (seed 100): the new epoch was below the forgotten one, and its news was refused for ever."""
    hub, node, earlier = Side("hub"), Side("350000"), Side("350000")
    node.delivery.outbox.begin_epoch(node.tx, NOW + timedelta(minutes=5))
    node.tell("hub", 1)
    hub.take(node, node.waiting("hub"))
    hub.tell("350000", 7)
    earlier.delivery.restored(earlier.tx, ["hub"], NOW + timedelta(minutes=1))
    earlier.tell("hub", 2)
    hub.take(earlier, earlier.waiting("hub"))
    assert hub.seen == [1]
    hub.take(earlier, earlier.waiting("hub"))
    earlier.take(hub, hub.waiting("350000"))
    assert (hub.seen, earlier.seen) == ([1, 2], [7])
    assert earlier.waiting("hub") == hub.waiting("350000") == []
    for side in (hub, node, earlier):
        side.close()


def test_the_news_of_a_restore_goes_before_what_waited_and_events_keep_their_ids() -> None:
    node = Side("350000")
    node.tell("hub", 1, 2)
    ids = [envelope.event_id for envelope in node.waiting("hub")]
    node.delivery.restored(node.tx, [], NOW + timedelta(minutes=1))
    news, *others = node.waiting("hub")
    assert news.type == "twelve333.api.delivery.v1.Restored"
    assert [envelope.event_id for envelope in others] == ids
    assert [envelope.sequence for envelope in (news, *others)] == [1, 2, 3]
    node.close()


def test_both_sides_restored_lose_nothing_that_either_still_has() -> None:
    hub, node = Side("hub"), Side("350000")
    hub.tell("350000", 1, 2)
    node.take(hub, hub.waiting("350000"))
    hub.delivery.restored(hub.tx, ["350000"], NOW + timedelta(minutes=1))  # a new epoch: the old numbers mean nothing any more
    blank = Side("350000")
    blank.delivery.restored(blank.tx, ["hub"], NOW + timedelta(minutes=2))
    for _ in range(4):
        hub.take(blank, blank.waiting("hub"))
        blank.take(hub, hub.waiting("350000"))
    assert blank.seen == [1, 2]
    assert hub.waiting("350000") == blank.waiting("hub") == []
    parked = [side.tx.execute(select(side.tables.inbox_parked)).all() for side in (hub, blank)]
    assert parked == [[], []]
    for side in (hub, node, blank):
        side.close()
