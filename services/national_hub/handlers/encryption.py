"""Keys to which members seal what they tell each other: nodes tell theirs, the hub lists them, and its own, in the directory."""

from __future__ import annotations

from grpc.aio import ServicerContext
from sqlalchemy import Connection

from twelve333.adapters.rpc.access import current_caller
from twelve333.adapters.signing.sealing import check_public_key
from twelve333.adapters.sql.database import Database
from twelve333.api.common.v1 import common_pb2
from twelve333.api.registration.v1 import keys_pb2 as pb
from twelve333.api.registration.v1 import keys_pb2_grpc, registration_pb2
from twelve333.core.decision import Refused, refuse
from twelve333.core.ids import HUB
from twelve333.core.registration import codes

from ..context import HubContext
from ..store import registration
from ..store.encryption import load_keys, save_key
from .directory import republish


class MemberKeys:
    """Members' keys in memory, for whoever seals to them; read again for a member that has none here."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._keys: dict[str, bytes] = {}

    async def key_of(self, member: str) -> bytes:
        """The present key of a member, empty if it has told none."""
        if member not in self._keys:
            await self.refresh()
        return self._keys.get(member, b"")

    async def refresh(self) -> None:
        """Read all keys again."""
        self._keys = await self._database.read(load_keys)


class EncryptionKeyHandlers(keys_pb2_grpc.EncryptionKeyServiceServicer):
    """See `EncryptionKeyService`."""

    def __init__(self, hub: HubContext, keys: MemberKeys) -> None:
        self._hub = hub
        self._keys = keys

    async def SetEncryptionKey(
        self, request: pb.SetEncryptionKeyRequest, context: ServicerContext[pb.SetEncryptionKeyRequest, pb.SetEncryptionKeyResponse]
    ) -> pb.SetEncryptionKeyResponse:
        """Keep the caller's key and list it."""
        hub, now, member = self._hub, self._hub.clock(), current_caller().member
        check_public_key(request.encryption_key)

        def keep(tx: Connection) -> int:
            if member not in registration.member_names(tx):
                raise Refused(refuse(codes.MEMBER_UNKNOWN, name=member))
            if save_key(tx, member, request.encryption_key, now):
                return republish(hub, tx, now)
            row = registration.load_directory(tx)
            return row.version if row else 0

        version = await hub.database.write(keep)
        await self._keys.refresh()
        return pb.SetEncryptionKeyResponse(directory_version=version)


async def list_own_key(hub: HubContext) -> None:
    """List the hub's own key in the directory, should it be another one (the first start with a keyring, a rotation)."""
    now, own = hub.clock(), hub.sealing_key()

    def keep(tx: Connection) -> None:
        if save_key(tx, HUB, own, now) or _listed(tx) != own:
            republish(hub, tx, now)

    if (await hub.database.read(load_keys)).get(HUB) != own:
        await hub.database.write(keep)


def _listed(tx: Connection) -> bytes:
    row = registration.load_directory(tx)
    if row is None:
        return b""
    payload = common_pb2.SignedDocument.FromString(row.document).payload
    return registration_pb2.Directory.FromString(payload).hub_encryption_key
