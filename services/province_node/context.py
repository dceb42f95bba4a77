"""What every handler of the node works with; `assembly` builds it once."""

from __future__ import annotations

from dataclasses import dataclass

from twelve333.adapters.audit import Auditor
from twelve333.adapters.clock import Clock
from twelve333.adapters.rpc.peers import Peers
from twelve333.adapters.signing.document_keys import DocumentKeys
from twelve333.adapters.sql.audit import AuditLog
from twelve333.adapters.sql.database import Database
from twelve333.adapters.sql.delivery import Outbox

from .directory import DirectoryReplica
from .settings import NodeSettings
from .store.audit import log


@dataclass(frozen=True, slots=True)
class NodeContext:
    """The node's ports.

    Args:
        settings: checked settings.
        database: the node's one database.
        outbox: where events to hub and other members are appended within a unit of work.
        clock: the present moment.
        directory: the replica of the federation's directory.
        peers: channels to hub and other members, by name.
        document_keys: the hub's public keys for documents.
        records: its audit log.
    """

    settings: NodeSettings
    database: Database
    outbox: Outbox
    clock: Clock
    directory: DirectoryReplica
    peers: Peers
    document_keys: DocumentKeys
    records: AuditLog = log

    @property
    def province(self) -> str:
        """The member this node is."""
        return self.settings.province

    @property
    def audit(self) -> Auditor:
        """Does units of work that leave a record."""
        return Auditor(self.database, self.records, self.clock)
