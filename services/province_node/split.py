"""Notices that another node was shown another directory than this one, from what nodes tell each other with the heads of their logs.

Nothing is refused and nothing changes by it: each node goes on from the last good directory that it holds. It is an alarm at both, with
both hashes, and both tell the hub of it.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection

from twelve333.adapters.audit import HeadTelling
from twelve333.adapters.sql.audit import AuditLog
from twelve333.adapters.sql.delivery import Applier, Inbound
from twelve333.api.audit.v1 import audit_pb2
from twelve333.core.ids import HUB
from twelve333.core.registration.split import DIRECTORY_SPLIT, split_between
from twelve333.wire.audit import held_from_wire

from .alarms import Alarms
from .directory import DirectoryReplica


def noticing_splits(witness: Applier, replica: DirectoryReplica, alarms: Alarms, records: AuditLog, telling: HeadTelling) -> Applier:
    """What to do with the head that another node tells: `witness` it, and compare the directories that came with it with ours.

    Args:
        witness: keeps the head.
        replica: what we work from.
        alarms: of the directory.
        records: our audit log.
        telling: tells the other node what we hold the first time, so that it notices too.
    """

    def apply(tx: Connection, event: Inbound, now: datetime) -> None:
        witness(tx, event, now)
        told = held_from_wire(audit_pb2.AuditHead.FromString(event.message))
        split = split_between(replica.held, told)
        if split and event.origin != HUB and alarms.give(tx, DIRECTORY_SPLIT, split.words(event.origin), now):
            telling.tell(tx, records.head(tx), [event.origin])

    return apply
