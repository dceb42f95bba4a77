"""Where units publish their rules about calls; they travel with the next signed directory."""

from __future__ import annotations

from datetime import datetime

from grpc.aio import ServicerContext
from sqlalchemy import Connection

from twelve333.adapters.rpc.access import current_caller
from twelve333.api.routing.v1 import policy_pb2, policy_service_pb2_grpc
from twelve333.api.routing.v1 import policy_service_pb2 as pb
from twelve333.core.decision import Refused, refuse
from twelve333.core.identity import Role
from twelve333.core.ids import HUB
from twelve333.core.registration.codes import UNIT_UNKNOWN
from twelve333.core.registration.rules import check_owner
from twelve333.core.routing import codes
from twelve333.core.routing.policy import Policy
from twelve333.core.routing.policy_rules import check_policy
from twelve333.wire.declarations import declaration_from_wire
from twelve333.wire.policy import policy_from_wire

from ..context import HubContext
from ..store import coverage as declarations
from ..store import policies
from ..store import registration as store
from .directory import republish


class RoutingPolicyHandlers(policy_service_pb2_grpc.RoutingPolicyServiceServicer):
    """See `RoutingPolicyService`."""

    def __init__(self, hub: HubContext) -> None:
        self._hub = hub

    async def PublishPolicy(
        self, request: pb.PublishPolicyRequest, context: ServicerContext[pb.PublishPolicyRequest, pb.PublishPolicyResponse]
    ) -> pb.PublishPolicyResponse:
        """Put a unit's rules in place of those before."""
        hub, now, policy = self._hub, self._hub.clock(), _asked(request.policy)

        def keep(tx: Connection) -> tuple[int, int]:
            _check(tx, policy, now)
            revision, changed = policies.enter_policy(tx, request.policy, now)
            row = store.load_directory(tx)
            return revision, republish(hub, tx, now) if changed or row is None else row.version

        revision, version = await hub.audit.write("routing.policy", policy.unit, keep)
        return pb.PublishPolicyResponse(revision=revision, directory_version=version)

    async def CheckPolicy(
        self, request: pb.CheckPolicyRequest, context: ServicerContext[pb.CheckPolicyRequest, pb.CheckPolicyResponse]
    ) -> pb.CheckPolicyResponse:
        """Say whether rules would be taken, and whether they are others than those in force."""
        now, policy = self._hub.clock(), _asked(request.policy)

        def load(tx: Connection) -> bool:
            _check(tx, policy, now)
            before = policies.load_policy(tx, policy.unit)
            return policy.rules != (policy_from_wire(before).rules if before else ())

        return pb.CheckPolicyResponse(changed=await self._hub.database.read(load))

    async def GetPolicy(
        self, request: pb.GetPolicyRequest, context: ServicerContext[pb.GetPolicyRequest, policy_pb2.RoutingPolicy]
    ) -> policy_pb2.RoutingPolicy:
        """The rules of one unit that are in force."""
        found = await self._hub.database.read(lambda tx: policies.load_policy(tx, request.unit))
        if found is None:
            raise Refused(refuse(codes.POLICY_NONE, unit=request.unit[:6]))
        return found


def _asked(told: policy_pb2.RoutingPolicy) -> Policy:
    """Rules that the present caller may publish.

    Raises:
        Refused: ROUTING_POLICY_UNREADABLE, REGISTRATION_UNIT_NOT_YOURS.
    """
    caller, policy = current_caller(), policy_from_wire(told, strict=True)
    if refusal := check_owner(HUB if caller.role is Role.OPERATOR else caller.member, policy.unit):
        raise Refused(refusal)
    return policy


def _check(tx: Connection, policy: Policy, now: datetime) -> None:
    units = {unit.code for unit in store.load_units(tx)}
    if policy.unit not in units:
        raise Refused(refuse(UNIT_UNKNOWN, code=policy.unit))
    declared = {it.unit: it for it in map(declaration_from_wire, declarations.load_declarations(tx, now))}
    if refusal := check_policy(policy, units, declared, map(policy_from_wire, policies.load_policies(tx))):
        raise Refused(refusal)
