"""What the hub looks at before an entry may be published that is not in the entry alone: its files, its table of codes, its codes.

An entry of which only the codes are unknown waits, whole, until they are mapped.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection

from twelve333.adapters.library_topics import classification
from twelve333.adapters.sql import library_pieces
from twelve333.core.decision import FieldViolation
from twelve333.core.ids import is_unit_code, province_of
from twelve333.core.library import codes
from twelve333.core.library.mapping import mapped
from twelve333.core.library.messages import Publish
from twelve333.core.library.model import NATIONAL, Entry, EntryKind, Item
from twelve333.core.library.pieces import digests_of, lacking
from twelve333.core.library.rules import entry_violations
from twelve333.core.library.topics import Classification, table_violations
from twelve333.wire.library import item_from_content
from twelve333.wire.library_parts import with_topics

from .store import library_mapping as store
from .store.library import tables


@dataclass(frozen=True, slots=True)
class Looked:
    """A publication that was looked at, and the base codes that its entries may have."""

    command: Publish
    topics: frozenset[str]


def looked_at(tx: Connection, command: Publish, now: datetime) -> Looked:
    """The publication with its codes mapped, and a fault on each item that may not enter or has to wait; those that wait are kept."""
    entries = [item.entry for item in command.items if item.entry]
    known = classification(tx, tables, entries, [item.entry_id for item in command.items if item.tombstone])
    maps = store.maps_of(tx)
    wanted = [digest for entry in entries for digest in digests_of(entry)]
    missing = frozenset(library_pieces.missing(tx, tables, wanted))
    accepted = known.accepted()
    items = tuple(_look(item, known, accepted, maps, missing) for item in command.items)
    if not command.strict:
        _queue(tx, items, known, maps, now)
    return Looked(replace(command, items=items), accepted)


def province_of_entry(entry: Entry) -> str:
    """Whose old tree an entry's codes are of: the province that keeps it right, else the one where it applies."""
    unit = entry.owner_unit if entry.owner_unit != NATIONAL else entry.region
    return province_of(unit) if is_unit_code(unit) else NATIONAL


def _look(
    item: Item, known: Classification, accepted: frozenset[str], maps: Mapping[str, Mapping[str, str]], missing: frozenset[bytes]
) -> Item:
    """One item."""
    if item.entry is None or item.fault is not None:
        return item
    if fault := lacking(item.entry, missing):
        return replace(item, fault=fault)
    if item.entry.kind is EntryKind.TOPICS and (wrong := table_violations(item.entry, known)):
        return replace(item, fault=wrong[0])
    now = mapped(item.entry.topics, known, _maps(item.entry, maps))
    if not now.unknown:
        return item if now.topics == item.entry.topics else item_from_content(with_topics(item.content, now.topics, item.entry.topics))
    others = [one for one in entry_violations(item.entry, accepted) if one.code is not codes.TOPIC_UNKNOWN]
    return item if others else replace(item, fault=FieldViolation("topics", codes.TOPIC_QUEUED, {"topic": now.unknown[0][:32]}))


def _queue(tx: Connection, items: tuple[Item, ...], known: Classification, maps: Mapping[str, Mapping[str, str]], now: datetime) -> None:
    """Keep those that wait; what is published or replaced waits no more."""
    waiting = {row.entry_id for row in store.waiting(tx)}
    store.unqueue(tx, [item.entry_id for item in items if item.entry_id in waiting])
    for item in items:
        if item.fault and item.fault.code is codes.TOPIC_QUEUED and item.entry:
            unknown = mapped(item.entry.topics, known, _maps(item.entry, maps)).unknown
            store.queue(tx, item.entry_id, item.content, unknown, province_of_entry(item.entry), now)


def _maps(entry: Entry, maps: Mapping[str, Mapping[str, str]]) -> Mapping[str, str]:
    return {**maps.get(store.ANY_PROVINCE, {}), **maps.get(province_of_entry(entry), {})}
