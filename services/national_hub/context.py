"""What every handler of the hub works with; `assembly` builds it once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from twelve333.adapters.audit import Auditor
from twelve333.adapters.clock import Clock
from twelve333.adapters.rpc.revocations import Revocations
from twelve333.adapters.signing.documents import SigningKey
from twelve333.adapters.signing.issuing import Issuer
from twelve333.adapters.sql.audit import AuditLog
from twelve333.adapters.sql.database import Database
from twelve333.adapters.sql.delivery import Outbox

from .settings import HubSettings
from .store.audit import log


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
        sealing_key: the hub's own public key, to which others seal what they tell it.
        records: its audit log.
    """

    settings: HubSettings
    database: Database
    outbox: Outbox
    clock: Clock
    authority: Issuer
    documents: SigningKey
    revocations: Revocations = field(default_factory=Revocations)
    sealing_key: Callable[[], bytes] = bytes
    records: AuditLog = log

    @property
    def audit(self) -> Auditor:
        """Does units of work that leave a record."""
        return Auditor(self.database, self.records, self.clock)
