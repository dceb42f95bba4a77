"""The hub's door: a province with a token becomes a member and gets its certificate."""

from __future__ import annotations

from grpc.aio import ServicerContext
from opentelemetry import metrics
from sqlalchemy import Connection

from twelve333 import __version__
from twelve333.adapters.signing.authority import Issued, check_request
from twelve333.adapters.signing.documents import public_bytes
from twelve333.adapters.signing.keys import fingerprint_of
from twelve333.adapters.signing.renewal import Proof, check_proof
from twelve333.adapters.signing.tokens import parse_token, token_digest
from twelve333.api.common.v1 import common_pb2
from twelve333.api.registration.v1 import service_pb2 as pb
from twelve333.api.registration.v1 import service_pb2_grpc
from twelve333.core.decision import accepted
from twelve333.core.identity import node_identity
from twelve333.core.registration.certificates import supersede
from twelve333.core.registration.messages import Join
from twelve333.core.registration.rules import admit
from twelve333.wire.times import from_timestamp, to_timestamp

from ..context import HubContext
from ..keeping import give_all
from ..store import registration as store
from ..store.certificates import load_certificates, save_revoked
from ..store.registration import may_join
from .certificates import issue_to_member, names_of, refresh_revocations, renew_member
from .directory import republish

_joined = metrics.get_meter("twelve333.registration").create_counter(
    "twelve333.registration.joins", unit="{join}", description="members that joined"
)


class EnrolmentHandlers(service_pb2_grpc.EnrolmentServiceServicer):
    """See `EnrolmentService`."""

    def __init__(self, hub: HubContext) -> None:
        self._hub = hub

    async def Join(self, request: pb.JoinRequest, context: ServicerContext[pb.JoinRequest, pb.JoinResponse]) -> pb.JoinResponse:
        """Admit a province, issue its certificate, and give it all it needs to work on alone."""
        hub, now = self._hub, self._hub.clock()
        signing_request = request.signing_request
        identity, names = node_identity(request.province), names_of(request.province)
        command = Join(request.province, request.endpoint, fingerprint_of(check_request(signing_request, identity, names).public_key()))
        digest = token_digest(parse_token(request.token))

        def keep(tx: Connection) -> tuple[Issued, bytes]:
            joined = accepted(admit(store.load_token(tx, digest), may_join(tx), command, now)).state
            left_behind = accepted(supersede(load_certificates(tx, request.province), command.key_fingerprint, now))
            store.mark_token(tx, joined.token)
            store.save_member(tx, joined.member)
            save_revoked(tx, left_behind.state)
            issued = issue_to_member(hub, tx, request.province, signing_request, now)
            republish(hub, tx, now)
            give_all(hub, tx, request.province, now)
            row = store.load_directory(tx)
            return issued, row.document if row else b""

        issued, document = await hub.audit.write("registration.join", request.province, keep)
        await refresh_revocations(hub)
        _joined.add(1)
        return pb.JoinResponse(
            certificate_chain=issued.chain.decode(),
            root_certificate=issued.root.decode(),
            document_key=public_bytes(hub.documents),
            hub_endpoint=hub.settings.listen.advertise,
            broker_urls=hub.settings.broker.urls,
            directory=common_pb2.SignedDocument.FromString(document),
            document_vouchers=hub.vouchers,
        )

    async def Greet(self, request: pb.GreetRequest, context: ServicerContext[pb.GreetRequest, pb.GreetResponse]) -> pb.GreetResponse:
        """Tell what a province checks before it joins."""
        hub = self._hub
        return pb.GreetResponse(now=to_timestamp(hub.clock()), release=__version__, broker_urls=hub.settings.broker.urls)

    async def RenewExpired(
        self, request: pb.RenewExpiredRequest, context: ServicerContext[pb.RenewExpiredRequest, pb.RenewExpiredResponse]
    ) -> pb.RenewExpiredResponse:
        """Give a member that was away for too long a new certificate, if it still has its key."""
        hub, now = self._hub, self._hub.clock()
        proof = Proof(request.province, request.signing_request, from_timestamp(request.signed_at), request.signature)
        check_proof(proof, names_of(request.province), now)
        return pb.RenewExpiredResponse(certificate_chain=await renew_member(hub, request.province, request.signing_request, now))
