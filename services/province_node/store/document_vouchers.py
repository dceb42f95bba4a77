"""The exchanges of the hub's document key that this node has followed: from the key that it pinned to the present one."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Column, Connection, Integer, LargeBinary, Table, delete, insert, select

from twelve333.api.common.v1 import common_pb2

from .metadata import metadata

document_vouchers = Table(
    "document_vouchers",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),  # of the exchange
    Column("document", LargeBinary, nullable=False),
)


def load_vouchers(tx: Connection) -> list[common_pb2.SignedDocument]:
    """All of them, the oldest first."""
    rows = tx.scalars(select(document_vouchers.c.document).order_by(document_vouchers.c.number))
    return [common_pb2.SignedDocument.FromString(document) for document in rows]


def add_vouchers(tx: Connection, vouchers: Sequence[common_pb2.SignedDocument]) -> None:
    """Keep those of exchanges that were followed just now."""
    numbers = [voucher.version for voucher in vouchers]
    tx.execute(delete(document_vouchers).where(document_vouchers.c.number.in_(numbers)))
    tx.execute(insert(document_vouchers), [{"number": each.version, "document": each.SerializeToString()} for each in vouchers])
