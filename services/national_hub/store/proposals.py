"""What the hub keeps of proposals; the texts that they start from are in the change log of the library."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, select

from twelve333.adapters.sql.proposals import ProposalStore

from .library import changes_table
from .metadata import metadata

store: Final = ProposalStore(metadata)


def content_of(tx: Connection, entry_id: str, version: int) -> bytes:
    """The bytes of one text of an entry, from the log; empty if it is not there."""
    c = changes_table.c
    return tx.scalar(select(c.content).where(c.entry_id == entry_id, c.version == version)) or b""
