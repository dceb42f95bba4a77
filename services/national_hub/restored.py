"""What a hub that was put back to a backup does about what it had signed since.

Nodes refuse a directory that is older than theirs, or a second one under the same version. How many were signed after the backup
nobody knows any more, so the next version is beyond all of them. What they said comes back: each node is asked for the directory that it
holds (`handlers/recovery`) before it takes the new one. Tokens of before the restore are void, because nobody knows which were used.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from sqlalchemy import Connection

from twelve333.adapters.library_returns import ask_for_steps
from twelve333.adapters.sql.backup import Lost
from twelve333.api.common.v1 import common_pb2
from twelve333.core.ids import HUB

from .context import HubContext
from .store import delivery_of, recovery
from .store import registration as store

VERSIONS_SKIPPED: Final = 1_000_000  # more than a hub signs between two backups
COUNTED_FROM: Final = datetime(2020, 1, 1, tzinfo=UTC)  # one version a second since then: beyond those of another restore, too


def next_version(hub: HubContext, tx: Connection, before: store.DirectoryRow | None) -> int:
    """The version of the next directory."""
    if before is None:
        return 1
    if not lacks_news(hub, tx, before):
        return before.version + 1
    return max(before.version + VERSIONS_SKIPPED, int((hub.clock() - COUNTED_FROM).total_seconds()))


def lacks_news(hub: HubContext, tx: Connection, row: store.DirectoryRow) -> bool:
    """Whether our epoch began after the directory was made: only a restore begins one on a hub that has a directory."""
    return hub.outbox.epoch(tx) > int(row.made_at.timestamp() * 1000)


def ask_back(tx: Connection, lost: Lost) -> None:
    """Part of a restore: remember what the backup knew, so that what came later can be told from it; and end its tokens."""
    row = store.load_directory(tx)
    payload = common_pb2.SignedDocument.FromString(row.document).payload if row else b""
    recovery.begin_recovery(tx, recovery.RecoveryRow(lost.now, row.version if row else 0, payload))
    store.end_tokens(tx, lost.now)
    ask_for_steps(tx, delivery_of(HUB).outbox, lost.told, lost.since, lost.now)
