"""What the sender remembers of a destination never lets an unconfirmed event rest without a deadline."""

from __future__ import annotations

from twelve333.adapters.relay.lines import GATHER_EVENTS, GATHER_S, UNHURRIED_EVENTS, UNHURRIED_S, Line
from twelve333.core.delivery.model import OutboxHead, Reason, Receipt

EPOCH = 1_772_413_204_051


def test_what_a_late_receipt_takes_back_during_a_round_is_sent_again() -> None:
    """Found by the simulator: the round still held the head as it was before, dropped the deadline, and nothing was ever sent again."""
    line, before, after = Line(EPOCH, sent_through=3), OutboxHead("hub", EPOCH, 3, 3), OutboxHead("hub", EPOCH, 3, 0)
    line.rewound = (0, 73.1)
    line.confirmed(after, Receipt("hub", "630000", EPOCH, 0, Reason.GAP), 73.6)
    assert not line.plan(before, 83.4)
    assert not line.plan(after, 83.4)
    assert line.due is not None
    assert line.plan(after, line.due) == range(1, 2)


def gathering() -> Line:
    """A destination that takes batches, with one event on its way since 70.0."""
    line = Line(EPOCH)
    line.confirmed(OutboxHead("hub", EPOCH, 1, 1), Receipt("hub", "630000", EPOCH, 1, Reason.APPLIED, takes_batches=True), 69.9)
    assert line.plan(OutboxHead("hub", EPOCH, 2, 1), 70.0) == range(2, 3)
    line.sent(range(2, 3), 70.0, lambda: 0.5)
    return line


def test_a_few_events_wait_for_the_receipt_of_those_before_but_not_for_long() -> None:
    line, head = gathering(), OutboxHead("hub", EPOCH, 3, 1)
    assert not line.plan(head, 70.01)
    assert line.wakes == 70.0 + GATHER_S
    assert line.plan(head, line.wakes) == range(3, 4)


def test_events_that_waited_go_together_once_the_receipt_is_there() -> None:
    line = gathering()
    assert not line.plan(OutboxHead("hub", EPOCH, 3, 1), 70.01)
    assert line.plan(OutboxHead("hub", EPOCH, 4, 2), 70.02) == range(3, 5)


def test_many_events_wait_for_nothing() -> None:
    assert gathering().plan(OutboxHead("hub", EPOCH, 2 + GATHER_EVENTS, 1), 70.01) == range(3, 3 + GATHER_EVENTS)


def test_what_nobody_waits_for_comes_a_while_after_what_was_sent_before_even_if_that_is_confirmed() -> None:
    line, head = gathering(), OutboxHead("hub", EPOCH, 3, 2)
    assert not line.plan(head, 70.1, lambda _: True)
    assert line.wakes == 70.0 + UNHURRIED_S
    assert line.plan(head, line.wakes, lambda _: True) == range(3, 4)


def test_what_nobody_waits_for_goes_at_once_after_a_quiet_time_or_when_it_is_much_or_with_what_is_hurried() -> None:
    head = OutboxHead("hub", EPOCH, 3, 2)
    assert gathering().plan(head, 70.0 + UNHURRIED_S, lambda _: True) == range(3, 4)
    assert gathering().plan(OutboxHead("hub", EPOCH, 2 + UNHURRIED_EVENTS, 2), 70.01, lambda _: True)
    assert gathering().plan(head, 70.01, lambda _: False) == range(3, 4)


def test_at_the_end_nothing_waits_for_company() -> None:
    line = gathering()
    line.hurry()
    assert line.plan(OutboxHead("hub", EPOCH, 3, 1), 70.01, lambda _: True) == range(3, 4)
