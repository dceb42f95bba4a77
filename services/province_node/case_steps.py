"""One step of a case within a unit of work: load, decide, keep, and append what must be told to the outbox."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

from sqlalchemy import Connection

from twelve333.api.registration.v1 import registration_pb2
from twelve333.core.cases import messages
from twelve333.core.cases.model import Case
from twelve333.core.cases.rules import Facts, decide, destinations, history_for
from twelve333.core.decision import Decision, Refusal
from twelve333.wire.cases import arrived_to_wire

from .context import NodeContext
from .store.cases import store


class CaseSteps:
    """Takes steps of cases for units of this node."""

    def __init__(self, node: NodeContext) -> None:
        self._node = node
        self._clocks = node.settings.cases.clocks()

    def take(
        self, tx: Connection, command: messages.Command, case_id: str, member_of: Mapping[str, str], now: datetime
    ) -> Decision[Case] | Refusal:
        """Take one step.

        Args:
            tx: the unit of work.
            command: what is asked.
            case_id: of which case.
            member_of: see `serving_members`.
            now: aware time.
        """
        before = store.load(tx, case_id, lock=True)
        outcome = decide(Facts(before, self._node.province, member_of, self._clocks), command, now)
        if isinstance(outcome, Decision):
            self._keep(tx, before, outcome.state, now)
        return outcome

    def _keep(self, tx: Connection, before: Case | None, after: Case, now: datetime) -> None:
        taken = after.history[before.version if before else 0 :]
        store.keep(tx, after, taken)
        for event in taken:
            for destination in sorted(destinations(before, after, self._node.province)):
                message = arrived_to_wire(event, history_for(after, event, destination))
                self._node.outbox.append(tx, destination=destination, message=message, key=after.case_id, now=now)


def serving_members(directory: registration_pb2.Directory, units: Collection[str]) -> dict[str, str]:
    """The member that serves each of `units`; without those that are unknown, closed, or of a province that has no node."""
    members = {member.name for member in directory.members}
    known = (unit for unit in directory.units if unit.code in units)
    closed = registration_pb2.UNIT_STATUS_CLOSED
    return {unit.code: unit.member for unit in known if unit.member in members and unit.status != closed}
