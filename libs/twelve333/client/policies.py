"""The rules of units about calls; asked of the hub."""

from __future__ import annotations

from ..api.routing.v1 import policy_service_pb2 as pb
from ..api.routing.v1 import policy_service_pb2_grpc
from ..core.routing.policy import Policy
from ..wire.policy import policy_from_wire, policy_to_wire
from .calls import Calls


class PoliciesClient:
    """Typed calls of `RoutingPolicyService`. Each may raise `ServiceError`."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._stub = policy_service_pb2_grpc.RoutingPolicyServiceStub(calls.channel)

    async def publish(self, policy: Policy) -> tuple[int, int]:
        """Put a unit's rules in place of those before.

        Args:
            policy: its rules; the revision is not looked at.

        Returns:
            The revision in force, and the version of the directory that holds it.
        """
        answer = await self._calls.unary(self._stub.PublishPolicy, pb.PublishPolicyRequest(policy=policy_to_wire(policy)))
        return answer.revision, answer.directory_version

    async def check(self, policy: Policy) -> bool:
        """Whether `publish` would change anything; refused for what that would be refused for. Nothing is kept."""
        return (await self._calls.unary(self._stub.CheckPolicy, pb.CheckPolicyRequest(policy=policy_to_wire(policy)))).changed

    async def get(self, unit: str) -> Policy:
        """The rules of a unit that are in force."""
        return policy_from_wire(await self._calls.unary(self._stub.GetPolicy, pb.GetPolicyRequest(unit=unit)))
