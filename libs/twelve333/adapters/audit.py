"""Audit in a service: units of work that leave a record, the RPCs that show the log, and heads told to witnesses.

A decision and its record are one unit of work. A refusal leaves nothing behind but its record. Looking at personal text is recorded right
after; should the database take no writes (a full disk), it is shown all the same and the log of the process says so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Final, TypeVar

from grpc.aio import ServicerContext
from sqlalchemy import Connection

from ..api.audit.v1 import audit_pb2 as pb
from ..api.audit.v1 import audit_pb2_grpc
from ..core.audit.codes import TAIL_CUT
from ..core.audit.model import OK, Entry, Head
from ..core.decision import Kind, Refused, refuse
from ..core.identity import Role
from ..core.ids import ID_CHARS_MAX, check_id, shown
from ..core.registration.split import Held
from ..wire import codes as wire_codes
from ..wire.audit import head_from_wire, head_to_wire, held_to_wire, record_to_wire
from .audit_witnesses import WitnessAsking
from .clock import Clock
from .rpc.access import current_caller
from .sql.audit import AuditLog
from .sql.database import Database
from .sql.delivery import Applier, Inbound, Outbox
from .telemetry.logs import logger

T = TypeVar("T")
HEAD: Final = pb.AuditHead.DESCRIPTOR.full_name
_NOBODYS_FAULT: Final = (Kind.UNAVAILABLE, Kind.EXHAUSTED)

log = logger("audit")


class Auditor:
    """Does units of work for the caller of the RPC in hand and records them.

    Args:
        database: of the service.
        records: its audit log.
        clock: the present moment.
    """

    def __init__(self, database: Database, records: AuditLog, clock: Clock) -> None:
        self._database, self._records, self._clock = database, records, clock

    async def write(self, action: str, subject: str, work: Callable[[Connection], T]) -> T:
        """Run `work` and record it, both or neither; a refusal is recorded by itself."""
        entry = self._entry(action, subject)

        def unit(tx: Connection) -> T:
            result = work(tx)
            self._records.append(tx, entry(OK))
            return result

        try:
            return await self._database.write(unit)
        except Refused as refused:
            if refused.refusal.code.kind not in _NOBODYS_FAULT:
                await self._record(entry(refused.refusal.code.name))
            raise

    async def read(self, action: str, subject: str, work: Callable[[Connection], T]) -> T:
        """Run `work`, which looks at something personal, and record that the caller looked."""
        found = await self._database.read(work)
        await self._record(self._entry(action, subject)(OK if found is not None else "NOT_FOUND"))
        return found

    async def read_one(self, action: str, subject: str, work: Callable[[Connection], T]) -> T:
        """As `read`, in one unit of work together with its record: for what is found by its key, so that others do not wait for it."""
        return (await self.read_some(action, lambda tx: {subject: work(tx)}))[subject]

    async def read_some(self, action: str, work: Callable[[Connection], dict[str, T]]) -> dict[str, T]:
        """As `read_one` for several things at once, by their ids; each leaves a record of its own. May wait for a commit to share."""

        def unit(tx: Connection) -> dict[str, T]:
            found = work(tx)
            for subject, one in found.items():
                self._records.append(tx, entry(subject)(OK if one is not None else "NOT_FOUND"))
            return found

        entry = partial(self._entry, action)

        try:
            return await self._database.write_along(unit)
        except Refused as refused:
            if refused.refusal.code.kind not in _NOBODYS_FAULT:
                raise
            found = await self._database.read(work)
            log.error("access not recorded", code=refused.refusal.code.name, method=action)
            return found

    async def _record(self, entry: Entry) -> None:
        try:
            await self._database.write(lambda tx: self._records.append(tx, entry))
        except Refused as refused:
            log.error("access not recorded", code=refused.refusal.code.name, method=entry.action)

    def _entry(self, action: str, subject: str) -> Callable[[str], Entry]:
        caller = current_caller()
        # Somebody may have typed a name where an id belongs; what is no id is not kept.
        about = subject[:96] if check_id(subject[:ID_CHARS_MAX]) is None else shown(subject)
        return lambda outcome: Entry(self._clock(), caller.role.value, f"{caller.member}/{caller.name}", action, about, outcome)


class AuditHandlers(audit_pb2_grpc.AuditServiceServicer):
    """See `AuditService`.

    Args:
        database, records: where the log is.
        member: who this is.
        witnesses: those who witness this log.
    """

    def __init__(self, database: Database, records: AuditLog, member: str, witnesses: WitnessAsking) -> None:
        self._database, self._records, self._member, self._witnesses = database, records, member, witnesses

    async def ListAuditRecords(
        self, request: pb.ListAuditRecordsRequest, context: ServicerContext[pb.ListAuditRecordsRequest, pb.ListAuditRecordsResponse]
    ) -> pb.ListAuditRecordsResponse:
        """List the next records."""
        found = await self._database.read(lambda tx: self._records.list(tx, request.after, request.most))
        return pb.ListAuditRecordsResponse(records=[record_to_wire(record) for record in found])

    async def ListWitnessedHeads(
        self, request: pb.ListWitnessedHeadsRequest, context: ServicerContext[pb.ListWitnessedHeadsRequest, pb.ListWitnessedHeadsResponse]
    ) -> pb.ListWitnessedHeadsResponse:
        """List heads of another member; of this one, as its witnesses know them."""
        caller = current_caller()
        if caller.role in (Role.NODE, Role.HUB) and caller.member != request.member:
            raise Refused(refuse(wire_codes.ROLE_DENIED, method="ListWitnessedHeads", role=caller.role.value, roles=Role.OPERATOR.value))
        if request.member == self._member:
            return await self._witnesses.ask(self._member)
        heads = await self._database.read(lambda tx: self._records.heads(tx, request.member))
        return pb.ListWitnessedHeadsResponse(heads=[head_to_wire(head) for head in heads])


class HeadTelling:
    """Tells the head of our log to those who witness it, whenever it has moved; `step` is repeated in the background.

    Args:
        database, records, outbox, clock: of the service.
        witnesses: whom to tell, asked within the unit of work.
        held: the directories that this member works from; none at the hub, which makes them.
    """

    def __init__(
        self,
        database: Database,
        records: AuditLog,
        outbox: Outbox,
        clock: Clock,
        witnesses: Callable[[Connection], Sequence[str]],
        held: Callable[[], tuple[Held, ...]] = tuple,
    ) -> None:
        self._database, self._records, self._outbox, self._clock = database, records, outbox, clock
        self._witnesses, self._held = witnesses, held
        self._told: tuple[Head, tuple[Held, ...]] = Head(0, b""), ()

    async def step(self) -> None:
        """Tell once, unless nothing has happened since."""
        head, held = await self._database.read(self._records.head), self._held()
        if head.sequence and (head, held) != self._told:
            await self._database.write(lambda tx: self.tell(tx, head, self._witnesses(tx)))
            self._told = head, held

    def tell(self, tx: Connection, head: Head, members: Sequence[str]) -> None:
        """Tell some members, within a unit of work."""
        message = head_to_wire(head)
        message.directories.extend(held_to_wire(self._held()))
        for member in members:
            self._outbox.append(tx, destination=member, message=message, now=self._clock())


def witness_heads(records: AuditLog) -> Applier:
    """What to do with the head that another member tells: keep it, and say loudly if it contradicts an earlier one."""

    def apply(tx: Connection, event: Inbound, now: datetime) -> None:
        head = head_from_wire(pb.AuditHead.FromString(event.message))
        if not records.witness(tx, event.origin, head, now):
            log.error("audit log of a member has changed", code=TAIL_CUT.name, origin=event.origin)
            records.append(tx, Entry(now, "member", event.origin, "audit.head", str(head.sequence), TAIL_CUT.name))

    return apply


__all__ = ["HEAD", "AuditHandlers", "Auditor", "HeadTelling", "witness_heads"]
