"""The audit log of a member and the heads it witnessed of others: one chain, appended in the unit of work of what it tells of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from copy import copy
from datetime import datetime
from typing import Any, Final

from sqlalchemy import BigInteger, Column, Connection, LargeBinary, MetaData, String, Table, insert, select

from ...core.audit.model import GENESIS, Entry, Head, Record, chained
from ...core.digests import SHA256_NAME, Digest
from .later import Change, insert_later, keep_later, settle
from .prepared import Prepared
from .types import UtcDateTime

PAGE_MAX: Final = 1000
_HEAD: Final = "head"


class AuditLog:
    """The tables of one service and plain functions on them; each takes the connection of a unit of work."""

    def __init__(self, metadata: MetaData) -> None:
        self.records = _record_table(metadata)
        self.witnessed = _witness_table(metadata)
        self.suite: Digest = SHA256_NAME
        columns = self.records.c
        self._last = Prepared(select(columns.sequence, columns.digest).order_by(columns.sequence.desc()).limit(1))

    def using(self, suite: Digest) -> AuditLog:
        """The same log for a member that hashes what it appends by `suite`."""
        log = copy(self)
        log.suite = suite
        return log

    def append(self, tx: Connection, entry: Entry) -> Head:
        """Put an entry at the end; writers of one database take turns, so the chain never forks.

        Works of one group read the head once and write their records in one statement.
        """
        kept = keep_later(tx, self.records.name, _nothing_more)
        record = chained(entry, (kept and kept.get(_HEAD)) or self._read_head(tx), self.suite)
        values = {"suite": record.suite, "sequence": record.sequence, "previous": record.previous, "digest": record.digest}
        insert_later(tx, self.records, values | {name: getattr(entry, name) for name in Entry.__slots__})
        head = Head(record.sequence, record.digest)
        if kept is not None:
            kept.put(_HEAD, head)
        return head

    def head(self, tx: Connection) -> Head:
        """The last record; number 0 before the first."""
        settle(tx)
        return self._read_head(tx)

    def list(self, tx: Connection, after: int, most: int) -> list[Record]:
        """Records after that number, in order."""
        settle(tx)
        columns = self.records.c
        query = select(self.records).where(columns.sequence > after).order_by(columns.sequence).limit(min(most or PAGE_MAX, PAGE_MAX))
        rows = tx.execute(query).mappings()
        entries = [(row, Entry(*(row[name] for name in Entry.__slots__))) for row in rows]
        return [Record(row["sequence"], entry, row["previous"], row["digest"], row["suite"]) for row, entry in entries]

    def _read_head(self, tx: Connection) -> Head:
        rows = self._last.rows(tx, {}, guarded=False)
        return Head(*rows[0]) if rows else Head(0, GENESIS)

    def witness(self, tx: Connection, member: str, head: Head, now: datetime) -> bool:
        """Keep a head that a member told; False if it contradicts what it told before: another record there, or fewer of them."""
        columns = self.witnessed.c
        known = tx.scalar(select(columns.digest).where(columns.member == member, columns.sequence == head.sequence))
        if known is None:
            values = {"member": member, "sequence": head.sequence, "digest": head.digest, "told_at": now}
            tx.execute(insert(self.witnessed).values(values))
        last = self.heads(tx, member)[-1]
        return known in (None, head.digest) and last.sequence <= head.sequence

    def heads(self, tx: Connection, member: str) -> tuple[Head, ...]:
        """The newest heads witnessed of a member, in order."""
        columns = self.witnessed.c
        query = select(self.witnessed).where(columns.member == member).order_by(columns.sequence.desc()).limit(PAGE_MAX)
        return tuple(Head(row.sequence, row.digest, told_at=row.told_at) for row in tx.execute(query))[::-1]


def _nothing_more(_values: Mapping[Any, Any]) -> Iterable[Change]:
    """The head is read from the records; it is only remembered meanwhile."""
    return ()


def _record_table(metadata: MetaData) -> Table:
    return Table(
        "audit",
        metadata,
        Column("sequence", BigInteger, primary_key=True, autoincrement=False),
        Column("at", UtcDateTime, nullable=False),
        Column("role", String(32), nullable=False),
        Column("actor", String(80), nullable=False),
        Column("action", String(64), nullable=False),
        Column("subject", String(96), nullable=False),
        Column("outcome", String(64), nullable=False),
        Column("previous", LargeBinary, nullable=False),
        Column("digest", LargeBinary, nullable=False),
        Column("suite", String(16), nullable=False, server_default=SHA256_NAME),  # which hash
    )


def _witness_table(metadata: MetaData) -> Table:
    return Table(
        "audit_witnessed",
        metadata,
        Column("member", String(6), primary_key=True),
        Column("sequence", BigInteger, primary_key=True, autoincrement=False),
        Column("digest", LargeBinary, nullable=False),
        Column("told_at", UtcDateTime, nullable=False),
    )
