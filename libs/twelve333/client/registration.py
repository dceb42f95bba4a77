"""Members, units and tokens at the hub; how a node stands, at the node."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ..api.registration.v1 import registration_pb2, service_pb2_grpc
from ..api.registration.v1 import service_pb2 as pb
from ..core.coverage.model import Declaration
from ..core.registration.freshness import Freshness
from ..core.registration.model import Member, Unit, UnitStatus
from ..core.routing.books import Books
from ..wire.books import books_from_wire
from ..wire.declarations import declaration_from_wire
from ..wire.registration import freshness_from_wire, member_from_wire, status_to_wire, unit_from_wire
from ..wire.times import from_timestamp, to_timestamp
from .calls import Calls


@dataclass(frozen=True, slots=True)
class Token:
    """A one-time token and what a province needs besides it: the hub's enrolment address and the pin of its root."""

    secret: str
    expires_at: datetime
    enrolment_endpoint: str
    authority_pin: str


@dataclass(frozen=True, slots=True)
class ListedMember:
    """A member, and since when it is refused everywhere until it has rejoined; None: it is not."""

    member: Member
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class DirectoryAlarm:
    """What must not happen to a directory, how often it did, and when."""

    code: str
    count: int
    first_at: datetime
    last_at: datetime


@dataclass(frozen=True, slots=True)
class NodeStatus:
    """How a node stands.

    Args:
        province: whose node it is.
        directory_version: of the directory it works from; 0: none yet.
        broker_connected: whether the broker answers now.
        hub_seen_at: when the hub last answered; None: not since the node was started.
        library_release: number of the release it has applied; 0: none.
        directory_freshness: how fresh the directory is; None if the node is older and does not say.
        directory_confirmed_at: when the hub last confirmed it; None: never.
        directory_alarms: what went wrong with directories that were offered, since ever.
        calls: the books of its calls, outgoing and incoming.
    """

    province: str
    directory_version: int
    broker_connected: bool
    hub_seen_at: datetime | None
    library_release: int
    directory_freshness: Freshness | None = None
    directory_confirmed_at: datetime | None = None
    directory_alarms: tuple[DirectoryAlarm, ...] = ()
    calls: tuple[Books, ...] = ()


@dataclass(frozen=True, slots=True)
class MemberStanding:
    """How a member stands with what it was told of the federation, as it last said itself.

    Args:
        member: who.
        told_at: when it said so; None: it has told nothing yet.
        certificate_root: SHA-256 of the root under which its certificate is, hexadecimal.
        trusted_roots: the same of the roots that it trusts.
        freshness: how fresh its directory is.
        confirmed_at: when the hub last confirmed that, as far as the member knows.
        alarms: what went wrong with directories that it was offered.
    """

    member: str
    told_at: datetime | None
    certificate_root: str
    trusted_roots: tuple[str, ...]
    freshness: Freshness | None
    confirmed_at: datetime | None
    alarms: tuple[DirectoryAlarm, ...]


class RegistrationClient:
    """Typed calls of `RegistrationService` (hub) and `NodeService` (node). Each may raise `ServiceError`."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._hub = service_pb2_grpc.RegistrationServiceStub(calls.channel)
        self._node = service_pb2_grpc.NodeServiceStub(calls.channel)

    async def create_token(self, province: str, lifetime: timedelta | None = None) -> Token:
        """Make a one-time token (operators of the ministry).

        Args:
            province: the one province it is good for.
            lifetime: at most 7 days; 24 hours if None.
        """
        request = pb.CreateTokenRequest(province=province)
        if lifetime is not None:
            request.lifetime.FromTimedelta(lifetime)
        made = await self._calls.unary(self._hub.CreateToken, request)
        return Token(made.token, from_timestamp(made.expires_at), made.enrolment_endpoint, made.authority_pin)

    async def list_units(self, province: str = "", status: UnitStatus | None = None) -> list[Unit]:
        """Units in the order of their codes, those of one province or status if given."""
        request = pb.ListUnitsRequest(
            province=province, status=status_to_wire(status) if status else registration_pb2.UNIT_STATUS_UNSPECIFIED
        )
        answer = await self._calls.unary(self._hub.ListUnits, request)
        return [unit_from_wire(unit) for unit in answer.units]

    async def get_unit(self, code: str) -> Unit:
        """One unit."""
        return (await self.get_entry(code))[0]

    async def get_upcoming(self, code: str) -> list[Declaration]:
        """What a unit declared for days to come, in the order of the days."""
        answer = await self._calls.unary(self._hub.GetUnit, pb.GetUnitRequest(code=code))
        return [declaration_from_wire(each) for each in answer.upcoming]

    async def get_entry(self, code: str) -> tuple[Unit, Declaration | None]:
        """One unit and what it declares, if it has declared anything."""
        entry = await self._calls.unary(self._hub.GetUnit, pb.GetUnitRequest(code=code))
        return unit_from_wire(entry.unit), declaration_from_wire(entry.declaration) if entry.HasField("declaration") else None

    async def register_units(self, entries: Sequence[pb.UnitEntry], *, since: datetime | None = None) -> tuple[int, int]:
        """Enter or change units, all of them or none.

        Args:
            entries: the units, with what they declare.
            since: aware; from when they stand so, for a register that is taken over (operators of the ministry). None: from now on.

        Returns:
            How many are new or different, and the version of the directory that holds them.
        """
        request = pb.RegisterUnitsRequest(entries=entries, since=to_timestamp(since) if since else None)
        answer = await self._calls.unary(self._hub.RegisterUnits, request)
        return answer.changed, answer.directory_version

    async def check_units(self, entries: Sequence[pb.UnitEntry], *, since: datetime | None = None) -> int:
        """How many units `register_units` would change; refused for what that would be refused for. Nothing is kept."""
        request = pb.CheckUnitsRequest(entries=entries, since=to_timestamp(since) if since else None)
        return (await self._calls.unary(self._hub.CheckUnits, request)).changed

    async def plan_unit(self, code: str, status: UnitStatus, on: datetime, *, with_system: bool = False) -> None:
        """Write down a step that a unit intends to take.

        Args:
            code: the unit.
            status: the state it is to have.
            on: aware; when.
            with_system: whether it will use a consulting system then.
        """
        request = pb.PlanUnitRequest(code=code, status=status_to_wire(status), with_system=with_system, on=to_timestamp(on))
        await self._calls.unary(self._hub.PlanUnit, request)

    async def change_status(self, code: str, status: UnitStatus) -> tuple[Unit, int]:
        """Take one step in a unit's life; the unit and the version of the directory that holds it."""
        request = pb.ChangeUnitStatusRequest(code=code, status=status_to_wire(status))
        answer = await self._calls.unary(self._hub.ChangeUnitStatus, request)
        return unit_from_wire(answer.unit), answer.directory_version

    async def list_members(self) -> list[ListedMember]:
        """The members of the federation, those too that are refused until they have rejoined."""
        answer = await self._calls.unary(self._hub.ListMembers, pb.ListMembersRequest())
        revoked = {each.member: from_timestamp(each.revoked_at) for each in answer.revocations}
        return [ListedMember(member_from_wire(each), revoked.get(each.name)) for each in answer.members]

    async def revoke(self, province: str, reason: str) -> tuple[int, int]:
        """Refuse a member from now on, everywhere, until it joins again with a new token (operators of the ministry).

        Args:
            province: the member.
            reason: for the register, nothing personal.

        Returns:
            The version of the directory that says so, and how many keys are refused now that were not before.
        """
        answer = await self._calls.unary(self._hub.RevokeMember, pb.RevokeMemberRequest(province=province, reason=reason))
        return answer.directory_version, answer.keys

    async def node_status(self) -> NodeStatus:
        """How the node stands (desks and operators of a province)."""
        status = await self._calls.unary(self._node.GetNodeStatus, pb.GetNodeStatusRequest())
        return NodeStatus(
            province=status.province,
            directory_version=status.directory_version,
            broker_connected=status.broker_connected,
            hub_seen_at=from_timestamp(status.hub_seen_at) if status.HasField("hub_seen_at") else None,
            library_release=int(status.library_release),
            directory_freshness=freshness_from_wire(status.directory_freshness),
            directory_confirmed_at=from_timestamp(status.directory_confirmed_at) if status.HasField("directory_confirmed_at") else None,
            directory_alarms=_alarms(status.directory_alarms),
            calls=tuple(map(books_from_wire, status.calls)),
        )

    async def member_standings(self) -> list[MemberStanding]:
        """How the members stand with roots and directory (operators of the ministry)."""
        answer = await self._calls.unary(self._hub.ListMemberStandings, pb.ListMemberStandingsRequest())
        return [_standing(standing) for standing in answer.standings]


def _alarms(alarms: Iterable[registration_pb2.DirectoryAlarm]) -> tuple[DirectoryAlarm, ...]:
    return tuple(DirectoryAlarm(each.code, each.count, from_timestamp(each.first_at), from_timestamp(each.last_at)) for each in alarms)


def _standing(standing: registration_pb2.MemberStanding) -> MemberStanding:
    return MemberStanding(
        member=standing.member,
        told_at=from_timestamp(standing.told_at) if standing.HasField("told_at") else None,
        certificate_root=standing.certificate_root,
        trusted_roots=tuple(standing.trusted_roots),
        freshness=freshness_from_wire(standing.freshness),
        confirmed_at=from_timestamp(standing.confirmed_at) if standing.HasField("confirmed_at") else None,
        alarms=_alarms(standing.alarms),
    )
