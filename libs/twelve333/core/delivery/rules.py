"""Next in order, or not; what a receipt closes; what to send next and when to try again.

Rule served: exactly once in effect. The receiver applies only the next sequence of the newest epoch and no event id twice;
the sender forgets nothing until the receiver has confirmed it (findings: "Messaging and delivery").
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from operator import itemgetter
from typing import TypeVar

from ..decision import Refusal, refuse
from .codes import BACKLOG_FULL, EPOCH_OLD, FOREIGN_DESTINATION, FOREIGN_ORIGIN, RECEIPT_AHEAD
from .fencing import check_fence, check_fork
from .model import (
    BATCH_BYTES_MAX,
    BATCH_EVENTS_MAX,
    EPOCH_MAX,
    UNLIMITED,
    WINDOW_EVENTS_MAX,
    Envelope,
    InboxFacts,
    OutboxHead,
    Reason,
    Receipt,
)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Apply:
    """Apply it; then the watermark is `sequence` of `epoch`."""

    epoch: int
    sequence: int


@dataclass(frozen=True, slots=True)
class Duplicate:
    """It was applied before: do nothing, confirm again. `sequence` is the watermark to keep."""

    epoch: int
    sequence: int


@dataclass(frozen=True, slots=True)
class Gap:
    """One before it is missing: drop it and ask again from `watermark` on."""

    epoch: int
    watermark: int


def admit(facts: InboxFacts, envelope: Envelope) -> Apply | Duplicate | Gap | Refusal:
    """Decide whether an arriving envelope is next in order.

    Refusals (all peer violations): `DELIVERY_FOREIGN_ORIGIN` (sent in another's name), `DELIVERY_FOREIGN_DESTINATION`
    (not for us), `DELIVERY_FENCE_OLD` (from a copy of the origin that was superseded), `DELIVERY_EPOCH_OLD` (of a past life of
    the origin's database), `DELIVERY_FORKED` (another event than the one we had under that number or id).
    """
    if envelope.origin != facts.sender:
        return refuse(FOREIGN_ORIGIN, sender=facts.sender, origin=envelope.origin)
    if envelope.destination != facts.member:
        return refuse(FOREIGN_DESTINATION, destination=envelope.destination, member=facts.member)
    if refusal := check_fence(envelope.origin, facts.fence, envelope.fence):
        return refusal
    if envelope.epoch < facts.epoch:
        return refuse(EPOCH_OLD, origin=envelope.origin, epoch=envelope.epoch, current=facts.epoch)
    watermark = facts.watermark if envelope.epoch == facts.epoch else 0
    if facts.waits:  # it would overtake what we lost and the origin believes confirmed
        return Gap(envelope.epoch, watermark)
    if envelope.sequence <= watermark:
        return check_fork(facts, envelope) or Duplicate(envelope.epoch, watermark)
    if envelope.sequence > watermark + 1:
        return Gap(envelope.epoch, watermark)
    if facts.known_event:  # the origin was restored and numbers anew what we have had under its earlier epoch
        return check_fork(facts, envelope) or Duplicate(envelope.epoch, envelope.sequence)
    return Apply(envelope.epoch, envelope.sequence)


def follows(envelope: Envelope, facts: InboxFacts, watermark: int) -> bool:
    """Whether an envelope that is not known is plainly the next one: then `admit` would apply it, and most are.

    Args:
        facts: as at the beginning of a batch.
        watermark: of the same epoch, moved on since.
    """
    if envelope.sequence != watermark + 1 or envelope.epoch != facts.epoch or facts.waits:
        return False
    return envelope.origin == facts.sender and envelope.destination == facts.member and not 0 < envelope.fence < facts.fence


def confirm(head: OutboxHead, receipt: Receipt, proven_sender: str) -> OutboxHead | Refusal:
    """Decide what a receipt closes: the head as it is afterwards (unchanged when the receipt says nothing new).

    A receiver that asks to send again from *before* what it confirmed earlier was restored from a backup: what it lost is opened
    again. A late receipt of the ordinary kind never takes anything back.

    Refusals: `DELIVERY_FOREIGN_ORIGIN` (in another's name), `DELIVERY_RECEIPT_AHEAD` (confirms what we never sent under
    this epoch: our database is an older copy and needs a new epoch).
    """
    if receipt.sender != proven_sender or receipt.sender != head.destination:
        return refuse(FOREIGN_ORIGIN, sender=proven_sender, origin=receipt.sender)
    if receipt.epoch != head.epoch:
        return head  # speaks of a past life of ours
    if receipt.watermark > head.sequence:
        return refuse(RECEIPT_AHEAD, member=receipt.sender, watermark=receipt.watermark, sequence=head.sequence)
    taken_back = receipt.reason is not Reason.APPLIED
    return replace(head, watermark=receipt.watermark if taken_back else max(head.watermark, receipt.watermark))


def was_restored_since(head: OutboxHead, receipt: Receipt) -> bool:
    """Whether a receiver comes back knowing only a past epoch of ours: what we told after what it names may be lost to it.

    It need not be: a receiver that has not heard of our new epoch yet says the same. Which events it lacks is for the outbox to see.
    """
    return receipt.reason is Reason.HELLO and receipt.epoch < head.epoch and receipt.sender == head.destination


def knows_a_later_life(head: OutboxHead, receipt: Receipt) -> bool:
    """Whether a receiver has heard of us under a later epoch than ours: our database is an older copy, our clock behind what it was."""
    return head.epoch < receipt.epoch <= EPOCH_MAX and receipt.sender == head.destination


def sendable(head: OutboxHead, sent_through: int, window: int = WINDOW_EVENTS_MAX) -> range:
    """The sequences to send now: after what was sent, at most `window` beyond what was confirmed."""
    first = max(sent_through, head.watermark) + 1
    return range(first, min(head.sequence, head.watermark + window) + 1)


def append(head: OutboxHead, capability: str, work_max: int | None) -> OutboxHead | Refusal:
    """The head after one more event.

    Args:
        capability: whose event it is; those in `UNLIMITED` neither count nor are refused.
        work_max: how many events of work may wait; None for no limit.

    Refusals: `DELIVERY_BACKLOG_FULL`.
    """
    counts = capability not in UNLIMITED
    if counts and work_max is not None and head.work >= work_max:
        return refuse(BACKLOG_FULL, member=head.destination, waiting=head.work)
    return OutboxHead(head.destination, head.epoch, head.sequence + 1, head.watermark, head.work + counts, head.delivered)


def batches(envelopes: Sequence[Envelope]) -> list[Sequence[Envelope]]:
    """Events of one destination in groups that travel together: in order, of one epoch, without gaps, bounded by count and bytes."""
    groups: list[Sequence[Envelope]] = []
    begin, size = 0, 0
    for at, envelope in enumerate(envelopes):
        size += len(envelope.payload)
        before = envelopes[at - 1] if at > begin else None
        follows = before is None or (envelope.epoch, envelope.sequence, envelope.fence) == (before.epoch, before.sequence + 1, before.fence)
        if at > begin and (not follows or size > BATCH_BYTES_MAX or at - begin == BATCH_EVENTS_MAX):
            groups.append(envelopes[begin:at])
            begin, size = at, len(envelope.payload)
    return [*groups, envelopes[begin:]] if envelopes else []


def by_turns(arrived: Sequence[T], origin_of: Callable[[T], str]) -> Sequence[T]:
    """What has arrived from several origins, so that they take turns: the first of each, then the second of each, and so on.

    However much one of them has sent, another's n-th event waits for n of it at most; what one origin sent stays in its order.
    """
    if len({origin_of(each) for each in arrived}) < 2:
        return arrived
    turns: Counter[str] = Counter()
    numbered: list[tuple[int, T]] = []
    for each in arrived:
        origin = origin_of(each)
        turns[origin] += 1
        numbered.append((turns[origin], each))
    return [each for _, each in sorted(numbered, key=itemgetter(0))]


def back_off(attempt: int, draw: float, base: timedelta, cap: timedelta) -> timedelta:
    """How long to wait before try number `attempt` + 1: doubled each time, capped, between half and all of it.

    Args:
        attempt: tries that failed so far; from 0.
        draw: a random number in [0, 1), given in so that many members do not come back at the same moment.
        base: the wait after the first failure.
        cap: the longest wait; keeps recovery quick after a long outage.
    """
    doublings = min(attempt, 32)
    full = min(cap, base * float(1 << doublings))
    return full * (0.5 + draw / 2)
