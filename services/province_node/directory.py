"""The node's replica of the federation's directory: verified, kept in the database, used from memory.

The node decides everything from here, hub up or down. A directory that is older than ours, signed by another key, or a second text
under a version we hold is refused; the last good one stays in use.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from google.protobuf.message import DecodeError

from twelve333.adapters.rpc.revocations import Revocations
from twelve333.adapters.signing.documents import verify
from twelve333.adapters.sql.database import Database, open_database
from twelve333.api.common.v1 import common_pb2
from twelve333.api.registration.v1 import registration_pb2
from twelve333.core.decision import Refused, refuse
from twelve333.core.documents import Seen, digest_of
from twelve333.core.registration import codes
from twelve333.wire.documents import document_from_wire

from .store import registration as store

PURPOSE = "directory"


class DirectoryReplica:
    """The directory in use.

    Args:
        document_key: the hub's public key for documents, pinned when the node joined.

    `revocations` is what it says of revoked keys, for listeners, relay and dialling.
    """

    def __init__(self, document_key: bytes) -> None:
        self._key = document_key
        self._seen: Seen | None = None
        self._listeners: list[Callable[[], None]] = []
        self.current = registration_pb2.Directory()
        self.revocations = Revocations()

    @property
    def version(self) -> int:
        """The version in use; 0 before the first."""
        return self.current.version

    def on_change(self, listener: Callable[[], None]) -> None:
        """Call `listener` whenever another version comes into use."""
        self._listeners.append(listener)

    def endpoint_of(self, member: str) -> str | None:
        """host:port of a member's federation listener, or None if it is not a member or was revoked."""
        if self.revocations.covers(member):
            return None
        return next((each.endpoint for each in self.current.members if each.name == member), None)

    async def load(self, database: Database) -> None:
        """Take up the directory that was kept, after checking it again: the disk is not trusted more than the network."""
        row = await database.read(store.load_directory)
        if row:
            self._use(self._check(common_pb2.SignedDocument.FromString(row.document)))

    async def accept(self, database: Database, document: common_pb2.SignedDocument, now: datetime) -> bool:
        """Check, keep and use a directory; False if it is the one in use.

        Raises:
            Refused: SECURITY_DOCUMENT_* or REGISTRATION_DIRECTORY_REFUSED; nothing has changed then.
        """
        payload = self._check(document)
        if self._seen and self._seen.version == document.version:
            return False
        row = store.DirectoryRow(document.version, now, document.SerializeToString())
        await database.write(lambda tx: store.save_directory(tx, row))
        self._use(payload)
        return True

    def _check(self, document: common_pb2.SignedDocument) -> bytes:
        return verify(document_from_wire(document), PURPOSE, self._key, self._seen)

    def _use(self, payload: bytes) -> None:
        try:
            directory = registration_pb2.Directory.FromString(payload)
        except DecodeError as error:
            raise Refused(refuse(codes.DIRECTORY_REFUSED, reason="unreadable")) from error
        self.current = directory
        keys = {each.key_fingerprint for each in directory.revocations}
        self.revocations.use(keys, [each.name for each in directory.members if each.key_fingerprint in keys])
        self._seen = Seen(directory.version, digest_of(payload))
        for listener in self._listeners:
            listener()


async def keep_first(url: str, document_key: bytes, document: common_pb2.SignedDocument, now: datetime) -> None:
    """Keep the directory that came with the certificate, so that the node can work from its first minute on."""
    database = open_database(url)
    try:
        await DirectoryReplica(document_key).accept(database, document, now)
    finally:
        await database.close()
