"""A hub's register in this process, on a real database, with a clock of the test's own; who calls is said with each call."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final, TypeVar

from national_hub.context import HubContext
from national_hub.examining import Examining
from national_hub.handlers.life import UnitLifeHandlers, UnitRecordHandlers
from national_hub.handlers.registration import RegistrationHandlers
from national_hub.silence import Silence
from national_hub.store import certificates, delivery_of, registration
from tests.support.members import Federation
from twelve333 import __version__
from twelve333.adapters.rpc import access
from twelve333.adapters.signing.documents import create_signing_key
from twelve333.adapters.signing.statements import Signer, Verifier
from twelve333.adapters.signing.trust import Trust
from twelve333.adapters.sql import Database, migrate, open_database
from twelve333.api.registration.v1 import registration_pb2, service_pb2
from twelve333.core.coverage.model import Declaration
from twelve333.core.doctor import model as doctor
from twelve333.core.doctor.examinations import NODE_CHECKS, Examined
from twelve333.core.identity import Caller, hub_identity, node_identity, operator_identity
from twelve333.core.registration.model import Certificate, Level, Member, Unit
from twelve333.wire.declarations import declaration_to_wire
from twelve333.wire.examinations import SAID, encode_examined, signed_examination
from twelve333.wire.registration import level_to_wire

T = TypeVar("T")
MINISTRY: Final = operator_identity("li").caller
_CONTEXT: Final[Any] = None


class Register:
    """A hub's register.

    `now` is its clock; a test sets it.
    """

    def __init__(self, database: Database, folder: Path, now: datetime) -> None:
        self.now = now
        self.delivery = delivery_of("hub")
        nothing: Any = SimpleNamespace()
        authority: Any = SimpleNamespace(trust=Trust())
        documents = create_signing_key(folder / "documents.key")
        self.hub = HubContext(nothing, database, self.delivery.outbox, lambda: self.now, authority, documents)
        self.silence = Silence(self.hub, self.delivery)
        self.federation = Federation.create(folder / "federation")
        self._folders: dict[str, Path] = {}
        self.unreached = ""  # why the hub does not reach a node
        verifier = Verifier(self.folder_of("hub"), lambda _key: False, lambda: datetime.now(UTC))
        self._examining = Examining(verifier, self._reach, self.hub.clock)
        self.serve(self.hub)

    def serve(self, hub: HubContext) -> None:
        """Answer from here on as this hub."""
        self.hub = hub
        self.units, self.lives = RegistrationHandlers(hub), UnitLifeHandlers(hub)
        self.records = UnitRecordHandlers(hub, self._examining)

    def folder_of(self, member: str) -> Path:
        """Key and certificate of a member, made when they are first asked for."""
        if member not in self._folders:
            identity = hub_identity() if member == "hub" else node_identity(member)
            self._folders[member] = self.federation.certify(identity)
        return self._folders[member]

    def examined(self, member: str, by: str = "", checks: Iterable[str] = NODE_CHECKS, **differs: Any) -> bytes:
        """What a node found about itself, all well, as it signs it (or as `by` does)."""
        found = tuple(doctor.finding(name, doctor.Level.OK, "ok") for name in sorted(checks))
        said = encode_examined(replace(Examined(member, self.now, __version__, found), **differs))
        signature = Signer(self.folder_of(by or member)).sign(SAID + said)
        return signed_examination(said, signature.value, list(signature.chain))

    async def _reach(self, member: str) -> str:
        return self.unreached

    async def asked(self, caller: Caller, call: Awaitable[T]) -> T:
        """What a caller is answered; `call` is made with the context that tells who asks."""
        token = access._caller.set(caller)
        try:
            return await call
        finally:
            access._caller.reset(token)

    async def add_member(self, name: str) -> None:
        """A member with a certificate for 30 days."""
        member = Member(name, "127.0.0.1:1", name * 10, self.now)
        made = Certificate(name, name, member.key_fingerprint, self.now, self.now + timedelta(days=30))

        def keep(tx: Any) -> None:
            registration.save_member(tx, member)
            certificates.add_certificate(tx, made)

        await self.hub.database.write(keep)

    async def enter(self, caller: Caller, entries: Iterable[tuple[Unit, Declaration | None]], *, states: bool = False) -> Any:
        """Enter units as `unit apply` does, or (`states`) as the ministry takes a register over."""
        request = service_pb2.RegisterUnitsRequest(entries=[_entry(unit, declared, states=states) for unit, declared in entries])
        return await self.asked(caller, self.units.RegisterUnits(request, _CONTEXT))

    async def try_out(self, caller: Caller, entries: Iterable[tuple[Unit, Declaration | None]]) -> Any:
        """Ask whether units would be entered, as `unit apply --dry-run` does."""
        request = service_pb2.CheckUnitsRequest(entries=[_entry(unit, declared, states=False) for unit, declared in entries])
        return await self.asked(caller, self.units.CheckUnits(request, _CONTEXT))


@asynccontextmanager
async def a_register(folder: Path, now: datetime = datetime(2026, 3, 30, 9, tzinfo=UTC)) -> AsyncIterator[Register]:
    """An empty register."""
    url = f"sqlite:///{folder / 'hub.db'}"
    migrate.upgrade("national_hub", url)
    database = open_database(url)
    try:
        made = Register(database, folder, now)
        await database.write(lambda tx: made.delivery.outbox.begin_epoch(tx, now))
        yield made
    finally:
        await database.close()


def node(member: str) -> Caller:
    """A node, as its certificate says."""
    return node_identity(member).caller


def _entry(unit: Unit, declared: Declaration | None, *, states: bool) -> service_pb2.UnitEntry:
    status: Any = (
        registration_pb2.UnitStatus.Value(f"UNIT_STATUS_{unit.status.name}") if states else registration_pb2.UNIT_STATUS_UNSPECIFIED
    )
    level = level_to_wire(Level.PREFECTURE if unit.parent else Level.PROVINCE)
    wire = registration_pb2.Unit(code=unit.code, name=unit.name, level=level, status=status, with_system=unit.with_system)
    return service_pb2.UnitEntry(unit=wire, declaration=declaration_to_wire(declared) if declared else None)
