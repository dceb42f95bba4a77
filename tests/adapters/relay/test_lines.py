"""What the sender remembers of a destination never lets an unconfirmed event rest without a deadline."""

from __future__ import annotations

from twelve333.adapters.relay.lines import Line
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
