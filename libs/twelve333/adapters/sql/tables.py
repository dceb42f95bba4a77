"""Delivery's own tables, the same in every service: epoch, outbox and inbox.

Rule served: an outbox row closes only on a receipt; the inbox remembers for ever what it has applied, by number and by id.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import JSON, BigInteger, Column, Integer, LargeBinary, MetaData, Table, Text

from .fields import personal
from .types import UtcDateTime


@dataclass(frozen=True, slots=True)
class DeliveryTables:
    """The tables by name."""

    epoch: Table
    outbox: Table
    outbox_heads: Table
    outbox_confirmed: Table
    inbox_heads: Table
    inbox_events: Table
    inbox_parked: Table
    instance: Table
    alarms: Table


def delivery_tables(metadata: MetaData) -> DeliveryTables:
    """Declare delivery's tables in a service's `metadata`, or return those declared before."""
    if "outbox" in metadata.tables:
        return DeliveryTables(**{name: metadata.tables[name] for name in DeliveryTables.__slots__})
    return DeliveryTables(
        _epoch(metadata),
        _outbox(metadata),
        _outbox_heads(metadata),
        _outbox_confirmed(metadata),
        _inbox_heads(metadata),
        _inbox_events(metadata),
        _inbox_parked(metadata),
        _instance(metadata),
        _alarms(metadata),
    )


def _epoch(metadata: MetaData) -> Table:
    return Table(
        "epoch",
        metadata,
        Column("member", Text, primary_key=True),
        Column("epoch", BigInteger, nullable=False),  # milliseconds since 1970 at which it began: always greater than any before
        Column("began_at", UtcDateTime, nullable=False),
    )


def _outbox(metadata: MetaData) -> Table:
    return Table(
        "outbox",
        metadata,
        Column("destination", Text, primary_key=True),
        Column("epoch", BigInteger, primary_key=True, autoincrement=False),
        Column("sequence", BigInteger, primary_key=True, autoincrement=False),  # from 1, without gaps
        Column("event_id", Text, nullable=False, unique=True),
        Column("type", Text, nullable=False),  # full protobuf name
        Column("key", Text, nullable=False),
        Column("payload", LargeBinary, nullable=False, info=personal("event_id")),
        Column("occurred_at", UtcDateTime, nullable=False),
        Column("trace", JSON, nullable=False),
        Column("closed_at", UtcDateTime, nullable=True),  # by the release before; see `confirmed.py`
    )


def _outbox_heads(metadata: MetaData) -> Table:
    return Table(
        "outbox_heads",
        metadata,
        Column("destination", Text, primary_key=True),
        Column("epoch", BigInteger, nullable=False),
        Column("sequence", BigInteger, nullable=False),  # last appended under that epoch
        Column("watermark", BigInteger, nullable=False),  # last that the destination confirmed
        Column("delivered", BigInteger, nullable=False),  # confirmed under all epochs
        Column("work", BigInteger, nullable=False, server_default="0"),  # not confirmed and counted by the backlog limit
    )


def _outbox_confirmed(metadata: MetaData) -> Table:
    return Table(
        "outbox_confirmed",
        metadata,
        Column("destination", Text, primary_key=True),
        Column("epoch", BigInteger, primary_key=True, autoincrement=False),
        Column("sequence", BigInteger, primary_key=True, autoincrement=False),  # everything up to it, and of earlier epochs,
        Column("confirmed_at", UtcDateTime, nullable=False, index=True),  # was confirmed by then
    )


def _inbox_heads(metadata: MetaData) -> Table:
    return Table(
        "inbox_heads",
        metadata,
        Column("origin", Text, primary_key=True),
        Column("epoch", BigInteger, nullable=False),
        Column("watermark", BigInteger, nullable=False),  # last applied or parked, all before it too
        Column("applied", BigInteger, nullable=False),
        Column("duplicates", BigInteger, nullable=False),  # dropped: seen before
        Column("gaps", BigInteger, nullable=False),  # dropped: came too early, asked for again
        Column("refused", BigInteger, nullable=False),  # dropped: broke the contract
        Column("updated_at", UtcDateTime, nullable=False),
        Column("fence", BigInteger, nullable=False, server_default="0"),  # the highest that a copy of the origin has shown
    )


def _inbox_events(metadata: MetaData) -> Table:
    return Table(
        "inbox_events",
        metadata,
        Column("origin", Text, primary_key=True),
        Column("event_id", Text, primary_key=True),
        Column("epoch", BigInteger, nullable=False),
        Column("sequence", BigInteger, nullable=False),
        Column("applied_at", UtcDateTime, nullable=False),
        Column("digest", LargeBinary, nullable=True),  # of what it said; none from before there were digests
    )


def _inbox_parked(metadata: MetaData) -> Table:
    return Table(
        "inbox_parked",
        metadata,
        Column("origin", Text, primary_key=True),
        Column("event_id", Text, primary_key=True),
        Column("epoch", BigInteger, nullable=False),
        Column("sequence", BigInteger, nullable=False),
        Column("type", Text, nullable=False),
        Column("payload", LargeBinary, nullable=False, info=personal("origin", "event_id")),
        Column("occurred_at", UtcDateTime, nullable=False),
        Column("code", Text, nullable=False),  # why it could not be applied
        Column("parked_at", UtcDateTime, nullable=False),
        Column("key", Text, nullable=False, server_default=""),
        Column("retries", Integer, nullable=False, server_default="0"),  # by operators
        Column("retried_at", UtcDateTime, nullable=True),
    )


def _instance(metadata: MetaData) -> Table:
    return Table(
        "instance",
        metadata,
        Column("member", Text, primary_key=True),
        Column("instance", Text, nullable=False),  # the process started last on this database; made by chance at its start
        Column("starts", BigInteger, nullable=False),  # how many there were
        Column("fence", BigInteger, nullable=False),  # the highest that this database was granted
        Column("holder", Text, nullable=False),  # the process it was granted to
        Column("home", Text, nullable=False),  # where that process had the database: machine since its boot, and file or server
        Column("fenced_epoch", BigInteger, nullable=False),  # the epoch under which this copy was superseded; 0 for never
        Column("changed_at", UtcDateTime, nullable=False),
    )


def _alarms(metadata: MetaData) -> Table:
    return Table(
        "alarms",
        metadata,
        Column("member", Text, primary_key=True),  # whom it is about
        Column("code", Text, primary_key=True),
        Column("detail", Text, nullable=False),  # numbers and members; nothing personal
        Column("count", Integer, nullable=False),
        Column("first_at", UtcDateTime, nullable=False),
        Column("last_at", UtcDateTime, nullable=False),
    )
