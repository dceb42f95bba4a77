"""Keys to which this node seals what it tells others, and telling the hub the key to which others seal what they tell us."""

from __future__ import annotations

from typing import Final

from twelve333.adapters.signing.fields import FieldCipher
from twelve333.api.registration.v1 import keys_pb2, keys_pb2_grpc
from twelve333.core.ids import HUB

from .context import NodeContext

TELL_SECONDS: Final = 10.0


class DirectoryKeys:
    """Members' keys from the node's replica of the signed directory."""

    def __init__(self, node: NodeContext, own: FieldCipher) -> None:
        self._node, self._own = node, own
        self._keys: dict[str, bytes] = {}
        node.directory.on_change(self._read)
        self._read()

    async def key_of(self, member: str) -> bytes:
        """The present key of a member, empty if it has told none."""
        return self._keys.get(member, b"")

    async def tell_ours(self) -> None:
        """Tell the hub our key unless the directory lists it already; repeated in the background.

        Raises:
            grpc.aio.AioRpcError: the hub did not answer, or is too old to know of keys.
        """
        own = self._own.public_key()
        if self._keys.get(self._node.province) != own:
            stub = keys_pb2_grpc.EncryptionKeyServiceStub(self._node.peers.channel(HUB))
            await stub.SetEncryptionKey(keys_pb2.SetEncryptionKeyRequest(encryption_key=own), timeout=TELL_SECONDS)

    def _read(self) -> None:
        directory = self._node.directory.current
        self._keys = {member.name: member.encryption_key for member in directory.members}
        self._keys[HUB] = directory.hub_encryption_key
