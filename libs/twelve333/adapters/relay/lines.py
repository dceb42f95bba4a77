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
GATHER_S: Final = 0.05  # how long a few events wait for others while the ones before are on their way
GATHER_EVENTS: Final = 32  # so many do not wait
UNHURRIED_S: Final = 0.2  # how long a few that nobody waits for come after those before, confirmed or not
UNHURRIED_EVENTS: Final = 64
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
        gather_until: until when a few events wait to travel together; 0 while none wait.
        sent_at: when something was handed to the broker last.
        takes_batches: whether its last receipt said so; kept over sessions, since a probe finds out if it is no longer true.
    """

    epoch: int = 0
    sent_through: int = 0
    attempt: int = 0
    due: float | None = None
    probing: bool = False
    rewound: tuple[int, float] = (-1, 0.0)
    takes_batches: bool = False
    sent_at: float = 0.0
    gather_until: float = 0.0

    @property
    def batched(self) -> bool:
        """Whether what is sent now may travel in batches: a probe is a single event, which every program reads."""
        return self.takes_batches and not self.probing

    def forget(self) -> None:
        """A new session: what was handed to the broker before may be gone."""
        self.sent_through, self.attempt, self.due, self.probing = 0, 0, None, False

    def plan(self, head: OutboxHead, now: float, unhurried: Callable[[range], bool] = lambda _: False) -> range:
        """The sequences to hand to the broker now.

        Args:
            head: how the destination stands.
            now: seconds of the loop's clock.
            unhurried: whether nobody waits for any of these.
        """
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
        self.gather_until = self._gathers(head, chosen, unhurried)
        if now < self.gather_until:
            return range(0)
        self.gather_until = 0.0
        return chosen

    def _gathers(self, head: OutboxHead, chosen: range, unhurried: Callable[[range], bool]) -> float:
        """Until when they wait: each batch costs both sides a signature, its check, a commit and a receipt, however few are in it."""
        if not (self.batched and 0 < len(chosen) < UNHURRIED_EVENTS):
            return 0.0
        if unhurried(chosen):
            return self.sent_at + UNHURRIED_S
        return self.sent_at + GATHER_S if len(chosen) < GATHER_EVENTS and self.sent_through > head.watermark else 0.0

    def hurry(self) -> None:
        """Let nothing wait for what was sent before."""
        self.sent_at = 0.0

    @property
    def wakes(self) -> float | None:
        """When something is to be done if nothing happens before (seconds of the loop's clock)."""
        return self.gather_until or self.due

    def sent(self, sequences: range, now: float, draw: Callable[[], float]) -> None:
        """Remember what the broker took, and when its receipt is overdue."""
        self.sent_through, self.sent_at = max(self.sent_through, sequences[-1]), now
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
