"""Operators, desktops and business systems of a hub or node: certified, listed, ended; asked by operators."""

from __future__ import annotations

from ..api.registration.v1 import holders_pb2 as pb
from ..api.registration.v1 import holders_pb2_grpc
from ..core.identity import Role
from ..core.ids import HUB
from ..core.registration.holders import Holder
from ..wire.holders import holder_from_wire, kind_of
from .calls import Calls


class HoldersClient:
    """Typed calls of `HolderService`. Each may raise `ServiceError`.

    Args:
        calls: to the service.
        member: who that is: `hub` or a province code.
    """

    def __init__(self, calls: Calls, member: str) -> None:
        self._calls = calls
        self._operator = Role.OPERATOR if member == HUB else Role.LOCAL_OPERATOR
        self._stub = holders_pb2_grpc.HolderServiceStub(calls.channel)

    async def certify(self, role: Role, name: str, signing_request: bytes) -> bytes:
        """The certificate chain (PEM) for a key in a name."""
        request = pb.CertifyHolderRequest(kind=kind_of(role), name=name, signing_request=signing_request)
        return (await self._calls.unary(self._stub.CertifyHolder, request)).certificate_chain

    async def list(self) -> list[Holder]:
        """Those about whom something was decided there."""
        answer = await self._calls.unary(self._stub.ListHolders, pb.ListHoldersRequest())
        return [holder_from_wire(each, self._operator) for each in answer.holders]

    async def revoke(self, role: Role, name: str, reason: str) -> Holder:
        """End all certificates in a name; how it stands now."""
        request = pb.RevokeHolderRequest(kind=kind_of(role), name=name, reason=reason)
        return holder_from_wire((await self._calls.unary(self._stub.RevokeHolder, request)).holder, self._operator)
