"""What a hub does once after it was restored from a backup: its signed directory goes on beyond what the lost database may have signed.

Nodes refuse a directory that is older than theirs, or a second one under the same version. How many were signed after the backup
nobody knows any more, so a great many numbers are skipped. The library needs no such thing: its releases count within the epoch.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection

from .context import HubContext
from .store import registration as store

VERSIONS_SKIPPED: Final = 1_000_000  # more than a hub signs between two backups


def next_version(hub: HubContext, tx: Connection, before: store.DirectoryRow | None) -> int:
    """The version of the next directory."""
    if before is None:
        return 1
    return before.version + (VERSIONS_SKIPPED if lacks_news(hub, tx, before) else 1)


def lacks_news(hub: HubContext, tx: Connection, row: store.DirectoryRow) -> bool:
    """Whether our epoch began after the directory was made: only a restore begins one on a hub that has a directory."""
    return hub.outbox.epoch(tx) > int(row.made_at.timestamp() * 1000)
