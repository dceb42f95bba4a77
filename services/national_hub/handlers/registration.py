"""The hub's register of members and units."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from grpc.aio import ServicerContext
from opentelemetry import metrics
from sqlalchemy import Connection

from twelve333.adapters.rpc.access import current_caller
from twelve333.adapters.signing.authority import pin_of
from twelve333.adapters.signing.tokens import make_token, token_digest
from twelve333.adapters.sql.kept import Kept
from twelve333.api.common.v1 import common_pb2
from twelve333.api.registration.v1 import service_pb2 as pb
from twelve333.api.registration.v1 import service_pb2_grpc
from twelve333.core.decision import Refused, accepted, refuse
from twelve333.core.ids import HUB
from twelve333.core.registration import codes
from twelve333.core.registration.life import Stage
from twelve333.core.registration.messages import RegisterUnit
from twelve333.core.registration.model import JoinToken
from twelve333.core.registration.rules import check_owner, register
from twelve333.wire.coverage import asked_time
from twelve333.wire.registration import level_from_wire, member_to_wire, revocation_to_wire, status_from_wire, unit_to_wire
from twelve333.wire.times import to_timestamp

from ..context import HubContext
from ..entering import Entered, enter_steps
from ..keeping import give_units
from ..store import certificates, unit_history
from ..store import coverage as declarations
from ..store import registration as store
from ..store.signs import note_signs
from .certificates import renew_member, revoke_member
from .directory import confirm, republish
from .life import acting, ask_step, asker_of, version_of
from .partition import refuse_new_faults
from .standing import list_standings

TOKEN_LIFETIME = timedelta(hours=24)
TOKEN_LIFETIME_MAX = timedelta(days=7)
ENTRIES_MAX = 1_000
CONFIRMED_FOR = timedelta(seconds=1)

_changed = metrics.get_meter("twelve333.registration").create_counter(
    "twelve333.registration.units_changed", unit="{unit}", description="units entered or changed"
)


class RegistrationHandlers(service_pb2_grpc.RegistrationServiceServicer):
    """See `RegistrationService`."""

    def __init__(self, hub: HubContext) -> None:
        self._hub = hub
        self._members = Kept(hub.database, store.DIRECTORY, _members)
        self._directory = Kept(hub.database, store.DIRECTORY, _directory)
        self._confirmation = (0, datetime.min.replace(tzinfo=UTC), common_pb2.SignedDocument())

    async def CreateToken(
        self, request: pb.CreateTokenRequest, context: ServicerContext[pb.CreateTokenRequest, pb.CreateTokenResponse]
    ) -> pb.CreateTokenResponse:
        """Make a one-time token and keep its hash."""
        if request.province not in await self._hub.database.read(store.may_join):
            raise Refused(refuse(codes.PROVINCE_UNKNOWN, province=request.province[:16]))
        lifetime = request.lifetime.ToTimedelta() if request.HasField("lifetime") else TOKEN_LIFETIME
        if not timedelta(0) < lifetime <= TOKEN_LIFETIME_MAX:
            raise Refused(refuse(codes.TOKEN_LIFETIME, days=TOKEN_LIFETIME_MAX.days))
        expires_at, secret = self._hub.clock() + lifetime, make_token()
        kept = JoinToken(token_digest(secret), request.province, expires_at)
        await self._hub.audit.write("registration.token", request.province, lambda tx: store.add_token(tx, kept))
        return pb.CreateTokenResponse(
            token=secret,
            expires_at=to_timestamp(expires_at),
            enrolment_endpoint=self._hub.settings.listen.advertise_enrolment,
            authority_pin=pin_of(self._hub.authority.root),
        )

    async def RegisterUnits(
        self, request: pb.RegisterUnitsRequest, context: ServicerContext[pb.RegisterUnitsRequest, pb.RegisterUnitsResponse]
    ) -> pb.RegisterUnitsResponse:
        """Enter or change units, all of them or none."""
        hub, now = self._hub, self._hub.clock()
        asked = _Asked.of(request, now)

        def keep(tx: Connection) -> tuple[int, int]:
            entered, changed = asked.enter(tx, now)
            if changed:
                give_units(hub, tx, [each.after.code for each in entered if each.changed], now)
            return changed, republish(hub, tx, now) if changed else version_of(tx)

        changed, version = await hub.audit.write("registration.units", asked.asker, keep)
        _changed.add(changed)
        return pb.RegisterUnitsResponse(changed=changed, directory_version=version)

    async def CheckUnits(
        self, request: pb.CheckUnitsRequest, context: ServicerContext[pb.CheckUnitsRequest, pb.CheckUnitsResponse]
    ) -> pb.CheckUnitsResponse:
        """Enter or change units and take all of it back: whoever is refused nothing here is refused nothing there."""
        now = self._hub.clock()
        asked = _Asked.of(request, now)

        def tried(tx: Connection) -> None:
            raise _TakenBack(asked.enter(tx, now)[1])

        try:
            await self._hub.database.write(tried)
        except _TakenBack as done:
            return pb.CheckUnitsResponse(changed=done.changed)
        raise AssertionError("unreachable: the work always raises")

    async def GetUnit(self, request: pb.GetUnitRequest, context: ServicerContext[pb.GetUnitRequest, pb.UnitEntry]) -> pb.UnitEntry:
        """One unit with what it declares."""
        now = self._hub.clock()

        def load(tx: Connection) -> pb.UnitEntry:
            unit = store.load_unit(tx, request.code)
            if unit is None:
                raise Refused(refuse(codes.UNIT_UNKNOWN, code=request.code[:32]))
            upcoming = declarations.load_upcoming(tx, now, request.code)
            return pb.UnitEntry(
                unit=unit_to_wire(unit), declaration=declarations.load_declaration(tx, request.code, now), upcoming=upcoming
            )

        return await self._hub.database.read(load)

    async def ListUnits(
        self, request: pb.ListUnitsRequest, context: ServicerContext[pb.ListUnitsRequest, pb.ListUnitsResponse]
    ) -> pb.ListUnitsResponse:
        """List units in the order of their codes."""
        status = status_from_wire(request.status)
        units = await self._hub.database.read(lambda tx: store.load_units(tx, request.province, status))
        return pb.ListUnitsResponse(units=[unit_to_wire(unit) for unit in units])

    async def ChangeUnitStatus(
        self, request: pb.ChangeUnitStatusRequest, context: ServicerContext[pb.ChangeUnitStatusRequest, pb.ChangeUnitStatusResponse]
    ) -> pb.ChangeUnitStatusResponse:
        """Take one step in a unit's life, or have it wait for approvals; then the unit is given as it still is."""
        to = status_from_wire(request.status)
        if to is None:
            raise Refused(refuse(codes.STATUS_UNKNOWN))
        unit, _, version = await ask_step(self._hub, request.code, Stage(to.value), acting())
        return pb.ChangeUnitStatusResponse(unit=unit_to_wire(unit), directory_version=version)

    async def PlanUnit(
        self, request: pb.PlanUnitRequest, context: ServicerContext[pb.PlanUnitRequest, pb.PlanUnitResponse]
    ) -> pb.PlanUnitResponse:
        """Write down a step that a unit intends to take."""
        status, on, asker = status_from_wire(request.status), asked_time(request.on), asker_of()
        if status is None:
            raise Refused(refuse(codes.STATUS_UNKNOWN))
        if refusal := check_owner(asker, request.code):
            raise Refused(refusal)
        if on <= self._hub.clock():
            raise Refused(refuse(codes.PLAN_IN_THE_PAST))
        plan = unit_history.Plan(request.code, status, request.with_system, on)

        def keep(tx: Connection) -> None:
            if store.load_unit(tx, plan.code) is None:
                raise Refused(refuse(codes.UNIT_UNKNOWN, code=plan.code))
            unit_history.note_plan(tx, plan)
            give_units(self._hub, tx, [plan.code], self._hub.clock())

        await self._hub.audit.write("registration.plan", plan.code, keep)
        return pb.PlanUnitResponse()

    async def ListMembers(
        self, request: pb.ListMembersRequest, context: ServicerContext[pb.ListMembersRequest, pb.ListMembersResponse]
    ) -> pb.ListMembersResponse:
        """List the members."""
        return await self._members.get()

    async def GetDirectory(
        self, request: pb.GetDirectoryRequest, context: ServicerContext[pb.GetDirectoryRequest, pb.GetDirectoryResponse]
    ) -> pb.GetDirectoryResponse:
        """Give the signed directory, if there is a newer one, and confirm which one is the present one."""
        present = (await self._directory.get()).directory
        if not present.version:
            return pb.GetDirectoryResponse()
        current = self._confirmed(present, self._hub.clock())
        newer = present if present.version > request.since_version else None
        wants = self._hub.recovery.wants(current_caller())
        return pb.GetDirectoryResponse(directory=newer, current=current, return_held=wants, document_vouchers=self._hub.vouchers)

    def _confirmed(self, present: common_pb2.SignedDocument, now: datetime) -> common_pb2.SignedDocument:
        """The hub's word of this second, so that a caller that asks too often does not make it sign each time."""
        version, signed_at, _ = self._confirmation
        if version != present.version or abs(now - signed_at) >= CONFIRMED_FOR:
            self._confirmation = (present.version, now, confirm(self._hub, present, now))
        return self._confirmation[2]

    async def RenewCertificate(
        self, request: pb.RenewCertificateRequest, context: ServicerContext[pb.RenewCertificateRequest, pb.RenewCertificateResponse]
    ) -> pb.RenewCertificateResponse:
        """Give the calling member a new certificate for its key."""
        chain = await renew_member(self._hub, current_caller().member, request.signing_request, self._hub.clock())
        return pb.RenewCertificateResponse(certificate_chain=chain)

    async def ListMemberStandings(
        self,
        request: pb.ListMemberStandingsRequest,
        context: ServicerContext[pb.ListMemberStandingsRequest, pb.ListMemberStandingsResponse],
    ) -> pb.ListMemberStandingsResponse:
        """List how the members stand with roots and directory."""
        return pb.ListMemberStandingsResponse(standings=await self._hub.database.read(list_standings))

    async def RevokeMember(
        self, request: pb.RevokeMemberRequest, context: ServicerContext[pb.RevokeMemberRequest, pb.RevokeMemberResponse]
    ) -> pb.RevokeMemberResponse:
        """Refuse a member from now on, everywhere."""
        version, keys = await revoke_member(self._hub, request.province, request.reason, self._hub.clock())
        return pb.RevokeMemberResponse(directory_version=version, keys=keys)


def _members(tx: Connection) -> pb.ListMembersResponse:
    members = store.load_members(tx)
    present = {member.key_fingerprint for member in members}
    revoked = [revocation_to_wire(each) for each in certificates.load_revoked(tx) if each.key_fingerprint in present]
    return pb.ListMembersResponse(members=[member_to_wire(member) for member in members], revocations=revoked)


def _directory(tx: Connection) -> pb.GetDirectoryResponse:
    row = store.load_directory(tx)
    return pb.GetDirectoryResponse(directory=common_pb2.SignedDocument.FromString(row.document) if row else None)


def _since(request: pb.RegisterUnitsRequest | pb.CheckUnitsRequest, asker: str, now: datetime) -> datetime:
    """From when the units stand as entered: for the ministry to say, of a register that is taken over."""
    if not request.HasField("since"):
        return now
    since = asked_time(request.since)
    if asker != HUB:
        raise Refused(refuse(codes.STATUS_NOT_YOURS, code=request.entries[0].unit.code[:6] if request.entries else ""))
    if since > now:
        raise Refused(refuse(codes.SINCE_IN_THE_FUTURE))
    return since


class _TakenBack(Exception):
    """Ends a unit of work that was only tried."""

    def __init__(self, changed: int) -> None:
        super().__init__(changed)
        self.changed = changed


@dataclass(frozen=True, slots=True)
class _Asked:
    """Units to enter, who asks and acts, and from when they stand so."""

    entries: Sequence[pb.UnitEntry]
    asker: str
    by: str
    since: datetime

    @classmethod
    def of(cls, request: pb.RegisterUnitsRequest | pb.CheckUnitsRequest, now: datetime) -> _Asked:
        """What the present caller asks for.

        Raises:
            Refused: REGISTRATION_TOO_MANY_UNITS, REGISTRATION_SINCE_*, REGISTRATION_STATUS_NOT_YOURS.
        """
        if len(request.entries) > ENTRIES_MAX:
            raise Refused(refuse(codes.TOO_MANY_UNITS, count=len(request.entries), limit=ENTRIES_MAX))
        asker = asker_of()
        return cls(request.entries, asker, acting(), _since(request, asker, now))

    def enter(self, tx: Connection, now: datetime) -> tuple[list[Entered], int]:
        """Enter units, declarations and the steps taken so, unless the country would be divided wrongly; how many changed."""
        entered = [_enter_unit(tx, entry, self.asker, self.since) for entry in self.entries]
        declared = [_enter_declaration(tx, entry, now) for entry in self.entries]  # may name units that came later
        note_signs(tx, [entry.unit.code for entry in self.entries], "declaration", now)
        changed = sum(one.changed or other for one, other in zip(entered, declared, strict=True))
        if changed:
            refuse_new_faults(tx, now)
            enter_steps(tx, entered, self.by, self.since, now)
        return entered, changed


def _enter_unit(tx: Connection, entry: pb.UnitEntry, asker: str, since: datetime) -> Entered:
    """Enter one unit, if it is new or different."""
    unit = entry.unit
    known = store.load_unit(tx, unit.code)
    declares = entry.HasField("declaration") or declarations.is_declared(tx, unit.code)
    command = RegisterUnit(unit.code, unit.name, level_from_wire(unit.level), unit.with_system, status_from_wire(unit.status), declares)
    decision = accepted(register(known, asker, command))
    if decision.events:
        store.save_units(tx, [decision.state])
        unit_history.note_units(tx, [decision.state], since)
    return Entered(known, decision.state)


def _enter_declaration(tx: Connection, entry: pb.UnitEntry, now: datetime) -> bool:
    """Enter what one unit declares, if it comes with a declaration; True if that is new or different now."""
    return entry.HasField("declaration") and declarations.enter_declaration(tx, entry.unit.code, entry.declaration, now)
