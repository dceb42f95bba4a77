"""Deletion by policy in a service and by command: repeated until nothing is overdue, told to whom it concerns, erased from files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection

from ..api.cases.v1 import events_pb2
from ..core import retention as core
from ..core.cases.mending import concerned
from ..core.cases.model import Case
from ..core.decision import Refusal
from ..core.ids import HUB
from ..core.retention import Policy, Run
from .clock import Clock
from .settings import Retention as Settings
from .settings import ServiceSettings
from .sql.audit import AuditLog
from .sql.database import Database
from .sql.delivery import Applier, Delivery, Inbound
from .sql.erasing import erase_freed
from .sql.retention import Retention, recorded_in
from .telemetry.logs import logger

TEXTS_DELETED: Final = events_pb2.CaseTextsDeleted.DESCRIPTOR.full_name
BY_POLICY: Final = "policy"
BY_COMMAND: Final = "command"
IDS_AT_ONCE: Final = 1000  # in one event; a case id has 64 characters at most

log = logger("retention")


def policy_of(settings: Settings) -> Policy:
    """The policy that the settings state."""
    return Policy(
        {
            core.CASES: settings.closed_case_days,
            core.HELD: settings.held_step_days,
            core.CONTEXTS: settings.context_days,
            core.CONFIRMED: settings.confirmed_event_days,
            core.PARKED: settings.parked_event_days,
        }
    )


@dataclass(frozen=True, slots=True)
class Done:
    """What was deleted, and whether its bytes are gone too or wait for a reader to end."""

    runs: list[Run]
    erased: bool


@dataclass(frozen=True, slots=True)
class Keeper:
    """Keeps one service to its policy.

    Args:
        settings: of the service.
        database, delivery, records: of the service.
        store: what it keeps.
        clock: the present moment.
    """

    settings: ServiceSettings
    database: Database
    delivery: Delivery
    store: Retention
    records: AuditLog
    clock: Clock

    @property
    def _kept(self) -> Retention:
        return self.store.at(self.delivery.member)

    @property
    def policy(self) -> Policy:
        """How long each kind is kept."""
        return policy_of(self.settings.retention)

    @property
    def every_seconds(self) -> float:
        """Time between two runs."""
        return self.settings.retention.every.total_seconds()

    async def step(self) -> list[Run]:
        """Delete what is overdue, as the service does by itself."""
        done = await self.run(BY_POLICY, "service")
        if done.runs:
            log.info("deleted by policy", count=sum(each.count for run in done.runs for each in run.deleted))
        if not done.erased:
            log.warning("erasing waits for a reader")
        return done.runs

    async def run(self, by: str, role: str, *, compact: bool = False) -> Done:
        """Delete what is overdue, some of it at a time, each time with its record.

        Args:
            by: `policy` or `command`.
            role: in which the audit log names it.
            compact: also write the database anew, which erases what older versions of this program left in freed space.

        Raises:
            Refused: DELIVERY_STORE_*.
        """
        runs: list[Run] = []
        while run := await self.database.write(lambda tx: self._some(tx, by, role)):
            runs.append(run)
        names = [table.name for table in self.store.tables]
        erased = not (runs or compact) or await erase_freed(self.settings.database_url, names, compact=compact)
        return Done(runs, erased)

    async def overdue(self) -> Mapping[str, int]:
        """What `run` would delete."""
        return await self.database.read(lambda tx: self._kept.overdue(tx, self.policy, self.clock()))

    async def check(self) -> Refusal | None:
        """Whether everything is as the policy wants it and the audit log has it; what came due since two runs ago may still be there."""
        at = self.clock() - 2 * self.settings.retention.every
        return await self.database.read(lambda tx: self._kept.check(tx, self.policy, at, self.records))

    def _some(self, tx: Connection, by: str, role: str) -> Run | None:
        now, member = self.clock(), self.delivery.member
        run = self._kept.run(tx, self.policy, now, by, recorded_in(self.records, f"{member}/{by}", role))
        if run and any(each.kind == core.CASES for each in run.deleted):
            self._tell(tx, self._kept.forgotten(tx, now, member), now)
        return run

    def _tell(self, tx: Connection, cases: list[Case], now: datetime) -> None:
        """Tell those who hold our cases too; their texts are ours to delete."""
        ids: dict[str, list[str]] = {}
        for case in cases:
            for member in sorted((concerned(case.history) | {HUB}) - {self.delivery.member}):
                ids.setdefault(member, []).append(case.case_id)
        for member, theirs in ids.items():
            message = events_pb2.CaseTextsDeleted(case_ids=theirs)
            self.delivery.outbox.append(tx, destination=member, message=message, now=now)


def delete_told(store: Retention, records: AuditLog) -> Applier:
    """What to do when the member that was asked first has deleted the texts of its cases: the same, unless a case is held here."""

    def apply(tx: Connection, inbound: Inbound, now: datetime) -> None:
        ids = events_pb2.CaseTextsDeleted.FromString(inbound.message).case_ids[:IDS_AT_ONCE]
        store.forget_told(tx, ids, inbound.origin, now, recorded_in(records, inbound.origin, "member"))

    return apply
