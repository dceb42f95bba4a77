"""Records that the hub gives to members to keep, as signed: at the hub what it gave last, at a node what it was given."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Connection, LargeBinary, MetaData, String, Table, delete, insert, select

from ...api.common.v1 import common_pb2


class RecordStore:
    """The table of one service and plain functions on it; each takes the connection of a unit of work."""

    def __init__(self, metadata: MetaData) -> None:
        self.records = Table(
            "kept_records",
            metadata,
            Column("name", String(32), primary_key=True),  # a unit's code, `policy` or `operators`
            Column("version", BigInteger, nullable=False),
            Column("document", LargeBinary, nullable=False),
        )

    def version(self, tx: Connection, name: str) -> int:
        """The version that is kept; 0 if none is."""
        return tx.scalar(select(self.records.c.version).where(self.records.c.name == name)) or 0

    def all(self, tx: Connection) -> dict[str, common_pb2.SignedDocument]:
        """All of them by name."""
        rows = tx.execute(select(self.records.c.name, self.records.c.document).order_by(self.records.c.name)).tuples()
        return {name: common_pb2.SignedDocument.FromString(document) for name, document in rows}

    def save(self, tx: Connection, name: str, document: common_pb2.SignedDocument) -> None:
        """Keep one in place of the one before."""
        tx.execute(delete(self.records).where(self.records.c.name == name))
        tx.execute(insert(self.records).values(name=name, version=document.version, document=document.SerializeToString()))
