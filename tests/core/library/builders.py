"""Entries and releases for the tests of the library."""

from __future__ import annotations

from datetime import UTC, datetime

from twelve333.core.decision import Decision
from twelve333.core.library.merkle import root_of
from twelve333.core.library.messages import Publication, Publish
from twelve333.core.library.model import Entry, EntryKind, Item, Leaf, Release
from twelve333.core.library.rules import apply_changes, publish

NOW = datetime(2014, 3, 30, 9, tzinfo=UTC)
TOPICS = frozenset({"01", "0101", "04"})


def entry(entry_id: str = "e1", body: str = "工伤认定怎么办", **changes: object) -> Entry:
    return Entry(**{"id": entry_id, "kind": EntryKind.QA, "title": f"题 {entry_id}", "body": body, "topics": ("04",)} | changes)  # type: ignore[arg-type]


def item(one: Entry) -> Item:
    """An item with stand-in bytes: the core never looks into them."""
    return Item(one.id, one, f"{one}".encode())


class Shelf:
    """A library that publishes by the rules, and keeps what the rules say."""

    def __init__(self, epoch: int = 1) -> None:
        self.held: dict[str, Leaf] = {}
        self.removed: dict[str, int] = {}
        self.release: Release | None = None
        self.epoch = epoch

    def publish(self, *items: Item, strict: bool = False) -> Publication:
        decision = publish(self.held, self.removed, self.release, self.epoch, TOPICS, Publish(items, strict), NOW)
        assert isinstance(decision, Decision)
        published = decision.state
        self.removed |= {change.entry_id: change.version for change in published.changes if change.tombstone}
        self.held = apply_changes(self.held, published.changes)
        self.release = published.release or self.release
        if self.release:
            assert self.release.root == root_of(self.held.values())
        return published
