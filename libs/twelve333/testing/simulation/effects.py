"""Plain events of the simulator: each carries a number, and its effect is a row that says so. Rows are never merged, so twice shows."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Column, Connection, Integer, MetaData, String, Table, insert

from ...adapters.sql.inbox import Applier, Inbound
from ...api.registration.v1 import events_pb2

PLAIN = events_pb2.DirectoryChanged.DESCRIPTOR.full_name


def effect_table(metadata: MetaData) -> Table:
    """Effects in the order in which they were made."""
    return Table(
        "simulated_effects",
        metadata,
        Column("place", Integer, primary_key=True),
        Column("origin", String(6), nullable=False),
        Column("number", Integer, nullable=False),
    )


def plain_event(number: int) -> events_pb2.DirectoryChanged:
    """The event that carries `number`."""
    return events_pb2.DirectoryChanged(version=number)


def plain_applier(table: Table) -> Applier:
    """Make the effect."""

    def apply(tx: Connection, inbound: Inbound, now: datetime) -> None:
        number = events_pb2.DirectoryChanged.FromString(inbound.message).version
        tx.execute(insert(table).values(origin=inbound.origin, number=number))

    return apply
