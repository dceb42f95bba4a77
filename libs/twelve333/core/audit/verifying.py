"""Checks an audit log: each record follows from the one before, and every head that others witnessed is still in it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from twelve333.core.decision import Refusal, refuse

from . import codes
from .model import GENESIS, Head, Record, digest_of


class Verifier:
    """Takes the records in order; stops at the first that is wrong.

    Args:
        witnessed: heads that others were told; the log must still hold each of them.
        restored_at: when an older backup was put in the log's place, if somebody says so: heads told before then may have gone with
            the records behind it, and are counted in `lost`. One without a time, and all told later, must hold as ever.
    """

    def __init__(self, witnessed: Iterable[Head] = (), restored_at: datetime | None = None) -> None:
        self.head, self.lost = Head(0, GENESIS), 0
        self._restored_at = restored_at
        self._witnessed: dict[int, list[Head]] = {}
        for head in witnessed:
            self._witnessed.setdefault(head.sequence, []).append(head)

    def take(self, record: Record) -> Refusal | None:
        """Check the next record: AUDIT_RECORD_MISSING, AUDIT_RECORD_CHANGED or AUDIT_WITNESS_DIFFERS, naming it."""
        expected = self.head.sequence + 1
        if record.sequence != expected:
            return refuse(codes.RECORD_MISSING, sequence=expected)
        if record.previous != self.head.digest or not _holds(record):
            return refuse(codes.RECORD_CHANGED, sequence=expected)
        for head in self._witnessed.get(expected, ()):
            if head.digest != record.digest and not self._went_with_restore(head):
                return refuse(codes.WITNESS_DIFFERS, sequence=expected, witness=head.witness)
        self.head = Head(record.sequence, record.digest)
        return None

    def end(self) -> Refusal | None:
        """Check that nothing is missing at the end: AUDIT_TAIL_CUT."""
        beyond = (head for number, heads in self._witnessed.items() if number > self.head.sequence for head in heads)
        missing = max((head for head in beyond if not self._went_with_restore(head)), key=lambda head: head.sequence, default=None)
        if missing is None:
            return None
        return refuse(codes.TAIL_CUT, sequence=self.head.sequence, witnessed=missing.sequence, witness=missing.witness)

    def _went_with_restore(self, head: Head) -> bool:
        if self._restored_at is None or head.told_at is None or head.told_at >= self._restored_at:
            return False
        self.lost += 1
        return True


def _holds(record: Record) -> bool:
    try:
        return digest_of(record.sequence, record.entry, record.previous, record.suite) == record.digest
    except KeyError:
        return False
