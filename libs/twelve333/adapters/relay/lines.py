"""What the sender remembers of one destination between rounds. Nothing here needs to survive: the outbox knows what matters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from ...core.delivery.model import WINDOW_BATCHED_MAX, WINDOW_EVENTS_MAX, OutboxHead, Reason, Receipt
from ...core.delivery.rules import back_off, sendable

CONFIRM_BASE: Final = timedelta(seconds=2)  # a receipt is expected within this
CONFIRM_CAP: Final = timedelta(seconds=60)  # a destination that stays silent is tried this often
REWIND_PAUSE_S: Final = 1.0  # several complaints about one gap are answered once


@dataclass(slots=True)
class Line:
    """One destination.

    Args:
        epoch: ours, under which the rest holds.
        sent_through: last sequence handed to the broker in this session.
        attempt: silent deadlines in a row.
        due: when a receipt is overdue (seconds of the loop's clock); None when none is awaited.
        probing: after silence only the first unconfirmed event is sent, until the destination answers.
        rewound: the watermark we last went back to, and when.
        takes_batches: whether its last receipt said so; kept over sessions, since a probe finds out if it is no longer true.
    """

    epoch: int = 0
    sent_through: int = 0
    attempt: int = 0
    due: float | None = None
    probing: bool = False
    rewound: tuple[int, float] = (-1, 0.0)
    takes_batches: bool = False

    @property
    def batched(self) -> bool:
        """Whether what is sent now may travel in batches: a probe is a single event, which every program reads."""
        return self.takes_batches and not self.probing

    def forget(self) -> None:
        """A new session: what was handed to the broker before may be gone."""
        self.sent_through, self.attempt, self.due, self.probing = 0, 0, None, False

    def plan(self, head: OutboxHead, now: float) -> range:
        """The sequences to hand to the broker now."""
        if head.epoch != self.epoch:
            self.forget()
            self.epoch = head.epoch
        if head.sequence == head.watermark:
            self.due, self.attempt = None, 0
            return range(0)
        if self.due is not None and now >= self.due:
            self.probing = True
            self.attempt += 1
            return range(head.watermark + 1, head.watermark + 2)
        window = WINDOW_BATCHED_MAX if self.takes_batches else WINDOW_EVENTS_MAX
        chosen = range(0) if self.probing else sendable(head, self.sent_through, window)
        if not chosen and self.due is None:  # confirmed when the last round began, and taken back by a receipt since
            self.due = now + CONFIRM_BASE.total_seconds()
        return chosen

    def sent(self, sequences: range, now: float, draw: Callable[[], float]) -> None:
        """Remember what the broker took, and when its receipt is overdue."""
        self.sent_through = max(self.sent_through, sequences[-1])
        self.due = now + back_off(self.attempt, draw(), CONFIRM_BASE, CONFIRM_CAP).total_seconds()

    def failed(self, now: float, draw: Callable[[], float]) -> None:
        """The broker did not take it: try again a little later."""
        self.attempt += 1
        self.due = now + back_off(self.attempt, draw(), CONFIRM_BASE / 4, CONFIRM_CAP / 6).total_seconds()
        self.sent_through = 0

    def confirmed(self, head: OutboxHead, receipt: Receipt, now: float) -> None:
        """The destination answered: go on from there, or from its watermark if it lacks something."""
        reason, self.takes_batches = receipt.reason, receipt.takes_batches
        lacks = reason is not Reason.APPLIED or self.probing
        again = self.rewound[0] == head.watermark and now - self.rewound[1] < REWIND_PAUSE_S
        wait = CONFIRM_BASE.total_seconds()
        if lacks and (reason is Reason.HELLO or not again):
            self.sent_through = head.watermark
            self.rewound = (head.watermark, now)
        elif lacks:
            wait = REWIND_PAUSE_S
        self.attempt, self.probing = 0, False
        self.due = now + wait if head.sequence > head.watermark else None
