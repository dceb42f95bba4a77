"""`HolderService` at hub and node: certifies operators, desktops and business systems, and ends their certificates at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Self

import grpc
from grpc.aio import ServicerContext
from sqlalchemy import Connection

from ..api.registration.v1 import holders_pb2 as pb
from ..api.registration.v1 import holders_pb2_grpc
from ..core.decision import Refused, accepted, refuse
from ..core.identity import Identity
from ..core.registration import codes
from ..core.registration.holders import Holder, certify, end
from ..wire.holders import holder_to_wire
from .audit import Auditor
from .clock import Clock
from .rpc.access import current_caller
from .rpc.holders import Holders
from .signing.authority import check_request
from .signing.issuing import Issuer
from .signing.keys import fingerprint_of
from .sql.database import Database
from .sql.holders import HolderStore

LIFETIME: Final = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class HolderRegister:
    """What a service knows of its holders.

    Args:
        database: of the service.
        store: its table there.
        audit: does units of work that leave a record.
        clock: the present moment.
        kinds: whom it certifies: kind to what makes the identity of a name.
        issuer: its authority; None where that is kept elsewhere.
        decided: what else belongs to the unit of work that decided about a name.
    """

    database: Database
    store: HolderStore
    audit: Auditor
    clock: Clock
    kinds: Mapping[pb.HolderKind.ValueType, Callable[[str], Identity]]
    issuer: Callable[[], Issuer | None]
    decided: Callable[[Connection, datetime], None] = lambda _tx, _now: None


class HolderHandlers(holders_pb2_grpc.HolderServiceServicer):
    """See `HolderService`; `holders` is what a listener asks at every call."""

    def __init__(self, register: HolderRegister) -> None:
        self._register = register
        self.holders = Holders()

    @classmethod
    async def of(cls, register: HolderRegister) -> Self:
        """Ready to be asked; raises as `refresh`."""
        made = cls(register)
        await made.refresh()
        return made

    def register(self, server: grpc.aio.Server) -> None:
        """Offer it at a listener."""
        holders_pb2_grpc.add_HolderServiceServicer_to_server(self, server)

    async def refresh(self) -> None:
        """Go by the register as it is now.

        Raises:
            Refused: DELIVERY_STORE_UNAVAILABLE.
        """
        self.holders.use(await self._register.database.read(self._register.store.list))

    async def CertifyHolder(
        self, request: pb.CertifyHolderRequest, context: ServicerContext[pb.CertifyHolderRequest, pb.CertifyHolderResponse]
    ) -> pb.CertifyHolderResponse:
        """Certify a key in a name."""
        register, now, asker = self._register, self._register.clock(), current_caller()
        identity, issuer = self._identity(request.kind, request.name), register.issuer()
        if issuer is None:
            raise Refused(refuse(codes.AUTHORITY_ELSEWHERE))
        key = fingerprint_of(check_request(request.signing_request, identity, []).public_key())

        def keep(tx: Connection) -> bytes:
            role, name = identity.caller.role, identity.caller.name
            decision = accepted(certify(register.store.load(tx, role, name), asker, role, name, key, now))
            if decision.events:
                register.store.save(tx, decision.state)
                register.decided(tx, now)
            return issuer.issue(request.signing_request, identity, [], LIFETIME, now).chain

        chain = await register.audit.write("registration.certify_holder", request.name, keep)
        await self.refresh()
        return pb.CertifyHolderResponse(certificate_chain=chain)

    async def ListHolders(
        self, request: pb.ListHoldersRequest, context: ServicerContext[pb.ListHoldersRequest, pb.ListHoldersResponse]
    ) -> pb.ListHoldersResponse:
        """List those about whom something was decided."""
        found = await self._register.database.read(self._register.store.list)
        return pb.ListHoldersResponse(holders=[holder_to_wire(holder) for holder in found])

    async def RevokeHolder(
        self, request: pb.RevokeHolderRequest, context: ServicerContext[pb.RevokeHolderRequest, pb.RevokeHolderResponse]
    ) -> pb.RevokeHolderResponse:
        """End all certificates in a name."""
        register, now, asker = self._register, self._register.clock(), current_caller()
        caller = self._identity(request.kind, request.name).caller

        def keep(tx: Connection) -> Holder:
            before = register.store.load(tx, caller.role, caller.name)
            decision = accepted(end(before, asker, caller.role, caller.name, request.reason, now))
            if decision.events:
                register.store.save(tx, decision.state)
                register.decided(tx, now)
            return decision.state

        holder = await register.audit.write("registration.revoke_holder", request.name, keep)
        await self.refresh()
        return pb.RevokeHolderResponse(holder=holder_to_wire(holder))

    def _identity(self, kind: pb.HolderKind.ValueType, name: str) -> Identity:
        make = self._register.kinds.get(kind)
        if make is None:
            raise Refused(refuse(codes.HOLDER_KIND))
        return make(name)
