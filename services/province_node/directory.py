"""The node's replica of the federation's directory: verified, kept in the database, used from memory.

The node decides everything from here, hub up or down. A directory that is older than ours, signed by another key, or a second text
under a version we hold is refused; the last good one stays in use. The hub confirms again and again that a version is the present one: so
a node knows how old its copy is, and whether somebody plays it an old one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

from google.protobuf.message import DecodeError

from twelve333.adapters.rpc.revocations import Revocations
from twelve333.adapters.signing.document_keys import DocumentKeys
from twelve333.adapters.signing.documents import key_id, verify
from twelve333.adapters.signing.trust import Trust, from_der
from twelve333.adapters.sql.database import Database, open_database
from twelve333.api.common.v1 import common_pb2
from twelve333.api.registration.v1 import registration_pb2
from twelve333.core.decision import Refusal, Refused, refuse
from twelve333.core.documents import Seen, digest_of
from twelve333.core.ids import HUB
from twelve333.core.registration import codes
from twelve333.core.registration.freshness import CONFIRMATION_OTHER, Confirmation, Freshness, Limits, hear, level
from twelve333.core.registration.split import Held, with_confirmed, with_newest
from twelve333.wire.documents import document_from_wire
from twelve333.wire.times import from_timestamp

from .store import registration as store
from .store.alarms import load_confirmation, save_confirmation
from .store.document_vouchers import add_vouchers, load_vouchers

PURPOSE, CURRENT = "directory", "directory-current"
DEFAULT_LIMITS = Limits()
NEVER = datetime.fromtimestamp(0, UTC)
KEPT_EVERY = timedelta(minutes=1)  # a confirmation comes with each pull; after a restart one that is a minute older will do


class DirectoryReplica:
    """The directory in use.

    Args:
        document_key: the hub's public key for documents, pinned when the node joined.
        limits: from which age on it is stale, and overdue.

    `keys` are those of the hub that count; `confirmation` is the hub's last word that this is the present one; `revocations` is what it
    says of revoked keys, for listeners, relay and dialling.
    """

    def __init__(self, document_key: bytes, limits: Limits = DEFAULT_LIMITS) -> None:
        self.keys, self._limits = DocumentKeys(document_key), limits
        self._kept = self.confirmation = Confirmation(NEVER, NEVER)
        self._seen: Seen | None = None
        self._listeners: list[Callable[[], None]] = []
        self.current = registration_pb2.Directory()
        self.revocations = Revocations()
        self._fences: dict[str, int] = {}
        self._signing = frozenset[str]()
        self.held: tuple[Held, ...] = ()  # what it has worked from since its start, the newest last

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

    def fence_of(self, member: str) -> int:
        """The fence of the copy of a member that the hub had granted last when it signed this; 0 if none."""
        return self._fences.get(member, 0)

    def signs(self, member: str) -> bool:
        """Whether a member has told that it signs what it hands to the broker."""
        return member in self._signing

    async def load(self, database: Database) -> None:
        """Take up the directory that was kept, after checking it again: the disk is not trusted more than the network."""
        self.keys.take_up(self.keys.exchanges(await database.read(load_vouchers)))
        row = await database.read(store.load_directory)
        if row:
            held = document_from_wire(common_pb2.SignedDocument.FromString(row.document))
            self._use(self.keys.verify_older(held, PURPOSE))
            made_at = from_timestamp(self.current.made_at)
            kept = await database.read(load_confirmation) or Confirmation(made_at, min(made_at, row.received_at))
            self._kept = self.confirmation = kept
            self.held = with_confirmed(self.held, kept.signed_at)

    async def follow(self, database: Database, vouchers: Sequence[common_pb2.SignedDocument], document: common_pb2.SignedDocument) -> bool:
        """Take up another document key of the hub, if the present one vouches for it and it has signed this directory.

        Raises:
            Refused: SECURITY_DOCUMENT_*; nothing has changed then.
        """
        exchanges = self.keys.exchanges(vouchers)
        if not exchanges or document.key_id != key_id(exchanges[-1].key):
            return False
        verify(document_from_wire(document), PURPOSE, exchanges[-1].key, self._seen)
        await database.write(lambda tx: add_vouchers(tx, [each.voucher for each in exchanges]))
        self.keys.take_up(exchanges)
        return True

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
        self.confirmation = hear(self.confirmation, from_timestamp(self.current.made_at), now).kept
        return True

    async def confirm(self, database: Database, document: common_pb2.SignedDocument, now: datetime) -> Refusal | None:
        """Take the hub's word that the directory in use is the present one.

        Args:
            database: where it is kept.
            document: a signed `DirectoryCurrent`.
            now: our time when it came.

        Returns:
            What is wrong with it, if something is: an alarm. The node works on in any case.

        Raises:
            Refused: SECURITY_DOCUMENT_*: it is not the hub's word. DELIVERY_STORE_UNAVAILABLE.
        """
        try:
            said = registration_pb2.DirectoryCurrent.FromString(self.keys.verify(document_from_wire(document), CURRENT, None))
        except DecodeError:
            return refuse(codes.DIRECTORY_REFUSED, reason="unreadable")
        if self._seen is None or (said.directory_version, said.directory_sha256) != (self._seen.version, self._seen.digest):
            return refuse(CONFIRMATION_OTHER, version=said.directory_version, held=self.version)
        heard = hear(self.confirmation, from_timestamp(said.at), now)
        self.confirmation = heard.kept
        if heard.alarm is None:
            self.held = with_confirmed(self.held, heard.kept.signed_at)
        if self.confirmation.confirmed_at >= self._kept.confirmed_at + KEPT_EVERY:
            await database.write(lambda tx: save_confirmation(tx, heard.kept))
            self._kept = heard.kept
        return heard.alarm

    def freshness(self, now: datetime) -> Freshness:
        """How fresh the directory is."""
        return level(self.confirmation.confirmed_at, now, self._limits)

    @property
    def trust(self) -> Trust:
        """Which roots it lists; to be taken up only if they are vouched for."""
        return Trust(from_der(self.current.trusted_roots), from_der(self.current.root_links))

    def _check(self, document: common_pb2.SignedDocument) -> bytes:
        return self.keys.verify(document_from_wire(document), PURPOSE, self._seen)

    def _use(self, payload: bytes) -> None:
        try:
            directory = registration_pb2.Directory.FromString(payload)
        except DecodeError as error:
            raise Refused(refuse(codes.DIRECTORY_REFUSED, reason="unreadable")) from error
        self.current = directory
        self._fences = {each.name: each.fence for each in directory.members}
        self._signing = frozenset([each.name for each in directory.members if each.signs] + [HUB] * directory.hub_signs)
        keys = {each.key_fingerprint for each in directory.revocations}
        self.revocations.use(keys, [each.name for each in directory.members if each.key_fingerprint in keys])
        self._seen = Seen(directory.version, digest_of(payload))
        made_from, made_at = (directory.previous_version, directory.previous_sha256), from_timestamp(directory.made_at)
        self.held = with_newest(self.held, Held(directory.version, self._seen.digest, *made_from, made_at, made_at))
        for listener in self._listeners:
            listener()


async def keep_first(url: str, document_key: bytes, document: common_pb2.SignedDocument, now: datetime) -> None:
    """Keep the directory that came with the certificate, so that the node can work from its first minute on."""
    database = open_database(url)
    try:
        await DirectoryReplica(document_key).accept(database, document, now)
    finally:
        await database.close()
