"""Steps of proposals that other members tell, and how steps that a restored member has forgotten come back: the same at hub and node.

A member that was put back to a backup asks whom it shares proposals with for every step since; what it had decided itself it then takes
from them, and only then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Final

from sqlalchemy import Connection

from ..api.library.v1 import proposals_pb2 as pb
from ..core.decision import Refusal, Refused
from ..core.library.proposals import Proposal, Step
from ..wire.proposals import step_from_wire, step_to_wire
from ..wire.times import from_timestamp, to_timestamp
from .sql.cases_inbound import CLOCK_SET_BACK
from .sql.delivery import Appliers, Inbound, Outbox
from .sql.proposals import ProposalStore
from .sql.restored import has_told
from .sql.tables import DeliveryTables
from .telemetry.logs import logger

STEP_TAKEN: Final = pb.ProposalStepTaken.DESCRIPTOR.full_name
STEPS_ASKED: Final = pb.ProposalStepsAsked.DESCRIPTOR.full_name
Check = Callable[[Proposal | None, Step, str], Refusal | None]

log = logger("library")


def ask_for_steps(tx: Connection, outbox: Outbox, members: Iterable[str], since: datetime, now: datetime) -> None:
    """Ask for every step since a backup; part of the restore."""
    for member in members:
        outbox.append(tx, destination=member, message=pb.ProposalStepsAsked(since=to_timestamp(since - CLOCK_SET_BACK)), now=now)


class ProposalReturns:
    """Steps told and returned, for one service.

    Args:
        member: who this is.
        store: its proposals.
        tables, outbox: of its delivery.
        check: refuses a step for more than its place, such as a seal that does not hold.
    """

    def __init__(self, member: str, store: ProposalStore, tables: DeliveryTables, outbox: Outbox, check: Check) -> None:
        self._member, self._store, self._tables, self._outbox, self._check = member, store, tables, outbox, check

    def appliers(self) -> Appliers:
        """What to do with each event about proposals."""
        return {STEP_TAKEN: self.take, STEPS_ASKED: self.answer}

    def take(self, tx: Connection, inbound: Inbound, now: datetime) -> None:
        """The applier of `ProposalStepTaken`.

        Raises:
            Refused: see `ProposalStore.take`, and what `check` says.
        """
        step = step_from_wire(pb.ProposalStepTaken.FromString(inbound.message).step)
        before = self._store.load(tx, step.stamp.proposal_id)
        restored = has_told(tx, self._tables, inbound.origin)
        if restored and step.stamp.version > (before.version if before else 0) + 1:
            log.info("step of a proposal is early after a restore", proposal_id=step.stamp.proposal_id, origin=inbound.origin)
            return  # what is missing before it was asked for, and this step comes again behind it
        if wrong := self._check(before, step, inbound.origin):
            raise Refused(wrong)
        decision = self._store.take(tx, step, self._member if restored and step.stamp.by.member == self._member else inbound.origin)
        if decision.events:
            log.info("proposal moved on", proposal_id=step.stamp.proposal_id, origin=inbound.origin, state=decision.state.state.value)

    def answer(self, tx: Connection, inbound: Inbound, now: datetime) -> None:
        """The applier of `ProposalStepsAsked`: every step since, of what is shared with who asks, in order."""
        since, count = from_timestamp(pb.ProposalStepsAsked.FromString(inbound.message).since), 0
        for proposal in self._store.shared(tx, inbound.origin, since):
            for step in proposal.history:
                if step.stamp.at >= since:
                    told = pb.ProposalStepTaken(step=step_to_wire(step))
                    self._outbox.append(tx, destination=inbound.origin, message=told, key=proposal.proposal_id, now=now)
                    count += 1
        log.info("steps of proposals returned to a restored member", origin=inbound.origin, count=count)
