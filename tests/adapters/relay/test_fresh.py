"""What is kept in memory of the outbox: never more than is true, and never without bounds."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from twelve333.adapters.relay import fresh
from twelve333.adapters.relay.fresh import Fresh
from twelve333.core.delivery.model import Envelope, OutboxHead

NOW = datetime(2026, 1, 5, tzinfo=UTC)


def event(sequence: int, epoch: int = 7, size: int = 0) -> Envelope:
    return Envelope("hub", "310000", epoch, sequence, f"e{sequence}", "cases", "t", NOW, bytes(size))


def head(sequence: int, watermark: int = 0, epoch: int = 7) -> OutboxHead:
    return OutboxHead("310000", epoch, sequence, watermark)


def test_what_was_appended_is_there_until_it_is_confirmed() -> None:
    kept = Fresh()
    kept.read([head(0)])
    assert kept.appended([event(1), event(2), event(3)])
    assert kept.heads() == [head(3)]
    assert kept.take(head(3), range(1, 4)) == [event(1), event(2), event(3)]
    assert kept.confirmed(head(3, watermark=2)) == head(3, watermark=2)
    assert kept.take(head(3), range(1, 4)) == []
    assert kept.take(head(3), range(3, 4)) == [event(3)]


def test_a_receipt_that_was_closed_before_the_last_event_does_not_hide_it() -> None:
    kept = Fresh()
    kept.read([head(1)])
    kept.appended([event(2)])
    assert kept.confirmed(head(1, watermark=1)) == head(2, watermark=1)


def test_a_line_that_is_unknown_or_was_numbered_anew_must_be_read() -> None:
    kept = Fresh()
    assert not kept.appended([event(1)])
    kept.read([head(5)])
    assert not kept.appended([event(1, epoch=8)])
    kept.confirmed(head(3, epoch=8))
    assert kept.take(head(5, epoch=7), range(5, 6)) == []


def test_a_long_backlog_is_let_go_and_read_from_the_outbox() -> None:
    kept = Fresh()
    kept.read([head(0)])
    size = fresh.BYTES_MAX // 4
    for sequence in range(1, 10):
        kept.appended([event(sequence, size=size)])
        assert kept._bytes <= fresh.BYTES_MAX
    assert kept.heads() == [head(9)]
    assert kept.take(head(9), range(1, 10)) == []
    assert kept.take(head(9), range(9, 10)) == [event(9, size=size)]


def test_nobody_waits_for_events_only_if_all_are_known_to_be_of_that_kind() -> None:
    kept = Fresh()
    kept.read([head(0)])
    quiet = [replace(event(number), type="twelve333.api.routing.v1.HandoffEvent") for number in (1, 2)]
    kept.appended([*quiet, event(3)])
    assert kept.unhurried(head(3), range(1, 3))
    assert not kept.unhurried(head(3), range(1, 4))
    assert not kept.unhurried(head(4), range(4, 5))
