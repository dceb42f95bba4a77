"""What every handler of the hub works with; `assembly` builds it once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from twelve333.adapters.audit import Auditor
from twelve333.adapters.clock import Clock
from twelve333.adapters.rpc.revocations import Revocations
from twelve333.adapters.signing.document_keys import keys_of, verify_by_any
from twelve333.adapters.signing.documents import SigningKey, public_bytes
from twelve333.adapters.signing.issuing import Issuer
from twelve333.adapters.sql.audit import AuditLog
from twelve333.adapters.sql.database import Database
from twelve333.adapters.sql.delivery import Outbox
from twelve333.api.common.v1 import common_pb2
from twelve333.core.identity import Caller, Role
from twelve333.wire.documents import document_from_wire

from .settings import HubSettings
from .store.audit import log


class Recovery:
    """What a hub that was put back to a backup still waits for: directories of members, and a node to compare the library with.

    Attributes:
        library_settled: whether some node has compared, so that publishing displaces nothing.
    """

    def __init__(self) -> None:
        self._returned: set[str] | None = None
        self.library_settled = True

    def begin(self, returned: set[str], *, library_settled: bool) -> None:
        """Ask every member but those."""
        self._returned, self.library_settled = set(returned), library_settled

    def done(self, member: str) -> None:
        """Do not ask this one again."""
        if self._returned is not None:
            self._returned.add(member)

    def awaits(self, member: str) -> bool:
        """Whether a member has yet to hand back what it holds."""
        return self._returned is not None and member not in self._returned

    def wants(self, caller: Caller) -> bool:
        """Whether a caller is asked: a node, once."""
        return caller.role is Role.NODE and self.awaits(caller.member)


@dataclass(frozen=True, slots=True)
class HubContext:
    """The hub's ports.

    Args:
        settings: checked settings.
        database: the hub's one database.
        outbox: where events to members are appended within a unit of work.
        clock: the present moment.
        authority: issues the certificates of members.
        documents: the key that signs directory and library releases.
        revocations: the keys that every listener and the relay refuse.
        recovery: who is asked for what was lost in a restore.
        sealing_key: the hub's own public key, to which others seal what they tell it.
        records: its audit log.
        vouchers: the exchanges of the key that signs documents, the oldest first.
    """

    settings: HubSettings
    database: Database
    outbox: Outbox
    clock: Clock
    authority: Issuer
    documents: SigningKey
    revocations: Revocations = field(default_factory=Revocations)
    recovery: Recovery = field(default_factory=Recovery)
    sealing_key: Callable[[], bytes] = bytes
    records: AuditLog = log
    vouchers: Sequence[common_pb2.SignedDocument] = ()

    def verify_own(self, document: common_pb2.SignedDocument, purpose: str) -> bytes:
        """The payload of a document that we have signed ourselves, with the present key or one of before.

        Raises:
            Refused: SECURITY_DOCUMENT_*.
        """
        return verify_by_any(document_from_wire(document), purpose, keys_of(self.vouchers, public_bytes(self.documents)))

    @property
    def audit(self) -> Auditor:
        """Does units of work that leave a record."""
        return Auditor(self.database, self.records, self.clock)
