"""Checks an audit log: each record follows from the one before, and every head that others witnessed is still in it."""

from __future__ import annotations

from collections.abc import Iterable

from twelve333.core.decision import Refusal, refuse

from . import codes
from .model import GENESIS, Head, Record, digest_of


class Verifier:
    """Takes the records in order; stops at the first that is wrong.

    Args:
        witnessed: heads that others were told; the log must still hold each of them.
    """

    def __init__(self, witnessed: Iterable[Head] = ()) -> None:
        self.head = Head(0, GENESIS)
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
            if head.digest != record.digest:
                return refuse(codes.WITNESS_DIFFERS, sequence=expected, witness=head.witness)
        self.head = Head(record.sequence, record.digest)
        return None

    def end(self) -> Refusal | None:
        """Check that nothing is missing at the end: AUDIT_TAIL_CUT."""
        last = max(self._witnessed, default=0)
        if last <= self.head.sequence:
            return None
        return refuse(codes.TAIL_CUT, sequence=self.head.sequence, witnessed=last, witness=self._witnessed[last][0].witness)


def _holds(record: Record) -> bool:
    try:
        return digest_of(record.sequence, record.entry, record.previous, record.suite) == record.digest
    except KeyError:
        return False
