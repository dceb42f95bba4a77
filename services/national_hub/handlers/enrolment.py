"""The hub's door: a province with a token becomes a member and gets its certificate."""

from __future__ import annotations

import hashlib
from datetime import timedelta

from cryptography.hazmat.primitives import serialization
from grpc.aio import ServicerContext
from opentelemetry import metrics
from sqlalchemy import Connection

from twelve333.adapters.signing.authority import check_request
from twelve333.adapters.signing.documents import public_bytes
from twelve333.adapters.signing.tokens import parse_token, token_digest
from twelve333.api.common.v1 import common_pb2
from twelve333.api.registration.v1 import service_pb2 as pb
from twelve333.api.registration.v1 import service_pb2_grpc
from twelve333.core.decision import accepted
from twelve333.core.identity import dns_name, node_identity
from twelve333.core.registration.messages import Join
from twelve333.core.registration.rules import admit
from twelve333.data import provinces

from ..context import HubContext
from ..store import registration as store
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
        identity, names = node_identity(request.province), [dns_name(request.province), "localhost"]
        command = Join(request.province, request.endpoint, _fingerprint(check_request(signing_request, identity, names).public_key()))
        digest = token_digest(parse_token(request.token))

        def keep(tx: Connection) -> bytes:
            joined = accepted(admit(store.load_token(tx, digest), provinces(), command, now)).state
            store.mark_token(tx, joined.token)
            store.save_member(tx, joined.member)
            republish(hub, tx, now)
            row = store.load_directory(tx)
            return row.document if row else b""

        document = await hub.database.write(keep)
        _joined.add(1)
        issued = hub.authority.issue(signing_request, identity, names, timedelta(days=hub.settings.certificate_days), now)
        return pb.JoinResponse(
            certificate_chain=issued.chain.decode(),
            root_certificate=issued.root.decode(),
            document_key=public_bytes(hub.documents),
            hub_endpoint=hub.settings.listen.advertise,
            broker_urls=hub.settings.broker.urls,
            directory=common_pb2.SignedDocument.FromString(document),
        )


def _fingerprint(key: object) -> str:
    """SHA-256 of a public key (DER), lower-case hex."""
    der = serialization.Encoding.DER
    return hashlib.sha256(key.public_bytes(der, serialization.PublicFormat.SubjectPublicKeyInfo)).hexdigest()  # type: ignore[attr-defined]
