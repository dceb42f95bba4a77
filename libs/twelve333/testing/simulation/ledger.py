"""What the world outside remembers of a run: what was accepted, and what a restored backup took away again."""

from __future__ import annotations

from dataclasses import dataclass, field

from sqlalchemy import Connection, select

from ...core.cases.messages import CaseEvent, CaseOpened, TransferAccepted
from .store import Disk, cases, tables


@dataclass(slots=True)
class Operation:
    """A plain event that somebody asked for; `accepted` once the asker was told "done"."""

    origin: str
    destination: str
    accepted: bool = False


@dataclass(slots=True)
class Ledger:
    """See the module.

    Args:
        operations: plain events by number; numbers grow in the order of asking.
        steps: accepted steps of cases: step id -> case id.
        owners: who was seen to own a case under which owner epoch.
        taken_back: numbers and step ids that were accepted before a backup replaced their origin's database: 0 or 1 effects are right.
        clouded: cases of which a restored member has forgotten a step of its own. Others give it back; what the member did in the
            meantime, as if it had never taken it, may have to give way.
    """

    operations: dict[int, Operation] = field(default_factory=dict)
    steps: dict[str, str] = field(default_factory=dict)
    owners: dict[tuple[str, int], set[str]] = field(default_factory=dict)
    taken_back: set[int | str] = field(default_factory=set)
    clouded: set[str] = field(default_factory=set)

    def ask(self, origin: str, destination: str) -> int:
        """Number a plain event before it is written."""
        number = len(self.operations) + 1
        self.operations[number] = Operation(origin, destination)
        return number

    def saw(self, event: CaseEvent) -> None:
        """Note the owner that a step makes."""
        stamp = event.stamp
        if isinstance(event, CaseOpened):
            self.owners.setdefault((stamp.case_id, 1), set()).add(stamp.by.member)
        if isinstance(event, TransferAccepted):
            self.owners.setdefault((stamp.case_id, stamp.owner_epoch + 1), set()).add(stamp.by.member)

    def restored(self, disk: Disk, image: bytes, member: str) -> None:
        """Put a backup in the place of a database and note what is gone with it."""
        disk.lose_uncommitted()
        numbers, steps = _known(disk.connection, member)
        disk.load(image)
        numbers_left, steps_left = _known(disk.connection, member)
        self.taken_back |= {*(numbers - numbers_left), *(steps.keys() - steps_left.keys())}
        self.clouded |= {case_id for step_id, case_id in steps.items() if step_id not in steps_left}


def _known(connection: Connection, member: str) -> tuple[set[int], dict[str, str]]:
    """The plain events and the member's own steps that its database holds."""
    with connection.begin():
        keys = connection.scalars(select(tables.outbox.c.key).where(tables.outbox.c.key.like("plain-%"))).all()
        case_ids = connection.scalars(select(cases.cases.c.case_id).order_by(cases.cases.c.case_id)).all()
        known = [case for case_id in case_ids if (case := cases.load(connection, case_id))]
    steps = {step.stamp.step_id: case.case_id for case in known for step in case.history if step.stamp.by.member == member}
    return {int(key.removeprefix("plain-")) for key in keys}, steps
