"""What may enter the library, what makes a release, and which release a replica may take.

The rules of signed distribution (The Update Framework: no rollback, no mix-and-match, state kept only after every check) stand on
one small checkpoint: signature first, then order, then the root over everything that the replica would hold.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import date, datetime
from typing import Final

from ..decision import Decision, FieldViolation, Refusal, refuse
from ..ids import check_id, is_unit_code
from . import codes
from .copying import Lane, Way, succession, way
from .deidentify import findings
from .merkle import digest_of, root_of
from .messages import (
    Offer,
    Publication,
    Publish,
    Rejected,
    ReleaseAnnounced,
    ReleaseApplied,
)
from .model import NATIONAL, NO_ROOT, Change, Entry, EntryKind, Item, Leaf, Release, TombstoneReason
from .parts import parts_violations

TITLE_CHARS_MAX: Final = 200
BODY_CHARS_MAX: Final = 400_000
PUBLICATION_ITEMS_MAX: Final = 50_000


def is_region(text: str) -> bool:
    """Whether `text` says where an entry applies: a unit code, or `NATIONAL`."""
    return text == NATIONAL or is_unit_code(text)


def is_topic(text: str, known: Collection[str]) -> bool:
    """Whether `text` is a classification code, or a local one that hangs under a known code (`0101.320000-3`)."""
    base, dot, local = text.partition(".")
    if base not in known:
        return False
    region, dash, own = local.partition("-")
    return not dot or (is_unit_code(region) and bool(dash) and bool(own))


def in_force(entry: Entry, day: date) -> bool:
    """Whether `entry` is in force on `day`; an unknown start counts as in force."""
    return _within(day, entry.valid_from, entry.valid_to)


def applies(entry: Entry, day: date) -> bool:
    """Whether `entry` applies to a matter of `day` (an injury, a dismissal): by its own dates for that, else as long as it is in force."""
    return _within(day, entry.applies_from or entry.valid_from, entry.applies_to or entry.valid_to)


def _within(day: date, first: date | None, end: date | None) -> bool:
    return (first is None or first <= day) and (end is None or day < end)


def entry_violations(entry: Entry, topics: Collection[str]) -> tuple[FieldViolation, ...]:
    """Everything that is wrong with an entry, by field; empty if it may enter.

    Args:
        entry: as decoded.
        topics: classification codes in use.
    """
    found = [
        FieldViolation("id", codes.ID_MALFORMED, {"id": entry.id[:64]}) if check_id(entry.id) else None,
        FieldViolation("kind", codes.KIND_MISSING) if entry.kind is EntryKind.OTHER else None,
        FieldViolation("title", codes.TITLE_MISSING) if not entry.title.strip() else None,
        FieldViolation("title", codes.TITLE_TOO_LONG, {"limit": str(TITLE_CHARS_MAX)}) if len(entry.title) > TITLE_CHARS_MAX else None,
        FieldViolation("body", codes.BODY_MISSING) if not entry.body.strip() else None,
        FieldViolation("body", codes.BODY_TOO_LONG, {"limit": str(BODY_CHARS_MAX)}) if len(entry.body) > BODY_CHARS_MAX else None,
        FieldViolation("topics", codes.TOPIC_MISSING) if not entry.topics else None,
        *(FieldViolation("topics", codes.TOPIC_UNKNOWN, {"topic": t[:32]}) for t in entry.topics if not is_topic(t, topics)),
        FieldViolation("region", codes.REGION_MALFORMED, {"region": entry.region[:32]}) if not is_region(entry.region) else None,
        FieldViolation("owner_unit", codes.OWNER_MALFORMED, {"owner": entry.owner_unit[:32]}) if not is_region(entry.owner_unit) else None,
        FieldViolation("valid_to", codes.VALIDITY_REVERSED) if _reversed(entry.valid_from, entry.valid_to) else None,
        FieldViolation("applies_to", codes.VALIDITY_REVERSED) if _reversed(entry.applies_from, entry.applies_to) else None,
    ]
    return (*(violation for violation in found if violation is not None), *parts_violations(entry), *_case_violations(entry))


def _case_violations(entry: Entry) -> Iterator[FieldViolation]:
    """The gate of a typical case: nothing in it says who somebody is; a file cannot be looked into, so a case has none."""
    if entry.kind is not EntryKind.CASE:
        return
    for field, text in (("title", entry.title), ("body", entry.body)):
        for found in findings(text):
            yield FieldViolation(field, codes.CASE_PERSONAL[found.kind], {"line": str(found.line), "column": str(found.column)})
    if entry.attachments:
        yield FieldViolation("attachments", codes.CASE_WITH_ATTACHMENT)


def _reversed(first: date | None, end: date | None) -> bool:
    """Whether a time would end before it begins."""
    return first is not None and end is not None and end < first


def publish(
    held: Mapping[str, Leaf],
    removed_versions: Mapping[str, int],
    last: Release | None,
    epoch: int,
    topics: Collection[str],
    command: Publish,
    now: datetime,
) -> Decision[Publication] | Refusal:
    """Decide what a publication changes, and the release that it makes.

    Args:
        held: leaf of every entry in the library, by id.
        removed_versions: last version of entries that were removed, by id, so that a returning entry goes on counting.
        last: the present release, None for an empty library.
        epoch: of the library now.
        topics: classification codes in use.
        command: the items; `strict` refuses all if one is wrong.
        now: when the release is made.
    """
    if len(command.items) > PUBLICATION_ITEMS_MAX:
        return refuse(codes.PUBLICATION_TOO_LARGE, limit=PUBLICATION_ITEMS_MAX)
    good, rejected = _sort(command.items, held, topics)
    if command.strict and rejected:
        violations = tuple(FieldViolation(f"items[{r.index}].{r.violation.path}", r.violation.code, r.violation.params) for r in rejected)
        return Refusal(codes.PUBLICATION_REJECTED, {"count": str(len(rejected))}, violations)
    number = last.number + 1 if last else 1
    changes = [_change(item, held, removed_versions, number, now) for item in good]
    kept = _counted((change for change in changes if change is not None), last.sequence if last else 0)
    gone = sum(1 for change in kept if change.tombstone)
    added = sum(1 for change in kept if not change.tombstone and change.entry_id not in held)
    counts = {"added": added, "removed": gone, "changed": len(kept) - gone - added, "unchanged": len(changes) - len(kept)}
    if not kept:
        return Decision(Publication((), None, rejected=tuple(rejected), **counts))
    leaves = apply_changes(held, kept)
    through = _lane(command, kept)
    release = Release(
        epoch,
        number,
        len(leaves),
        root_of(leaves.values()),
        last.root if last else NO_ROOT,
        now,
        sequence=kept[-1].sequence,
        last_urgent=number if through is Lane.URGENT else last.last_urgent if last else 0,
        last_normal=number if through is not Lane.BULK else last.last_normal if last else 0,
        expires_at=now + command.valid,
    )
    told = ReleaseAnnounced(release.epoch, release.number, release.root, now, through)
    return Decision(Publication(kept, release, rejected=tuple(rejected), **counts), (told,))


def _counted(changes: Iterable[Change], after: int) -> tuple[Change, ...]:
    """The changes with their places in the log."""
    return tuple(replace(change, sequence=sequence) for sequence, change in enumerate(changes, after + 1))


def _lane(command: Publish, changes: Collection[Change]) -> Lane:
    """How a publication is let through: as its publisher says, else urgent if it takes something out."""
    if command.lane is not None:
        return command.lane
    return Lane.URGENT if any(change.tombstone for change in changes) else Lane.NORMAL


def _sort(items: tuple[Item, ...], held: Mapping[str, Leaf], topics: Collection[str]) -> tuple[list[Item], list[Rejected]]:
    """Part the items that may enter from those that may not."""
    good: list[Item] = []
    rejected: list[Rejected] = []
    seen: set[str] = set()
    coming = held.keys() | {item.entry_id for item in items if item.entry is not None}
    for index, item in enumerate(items):
        wrong = _item_violation(item, seen, held, coming, topics)
        if wrong is None:
            good.append(item)
            seen.add(item.entry_id)
        else:
            rejected.append(Rejected(index, item.entry_id, wrong))
    return good, rejected


def _item_violation(
    item: Item, seen: set[str], held: Mapping[str, Leaf], coming: Collection[str], topics: Collection[str]
) -> FieldViolation | None:
    """The first thing wrong with an item, if any."""
    if item.fault is not None:
        return item.fault
    if item.entry_id in seen:
        return FieldViolation("id", codes.ID_TWICE, {"id": item.entry_id[:64]})
    if item.entry is not None:
        return next(iter(entry_violations(item.entry, topics)), None)
    if item.tombstone is None:
        return FieldViolation("content", codes.CONTENT_UNREADABLE)
    if item.tombstone.successor and item.tombstone.successor not in coming:
        return FieldViolation("successor", codes.SUCCESSOR_UNKNOWN, {"id": item.tombstone.successor[:64]})
    if item.tombstone.reason is TombstoneReason.OUT_OF_SCOPE:
        return FieldViolation("tombstone.reason", codes.REASON_MISSING)
    return None if item.entry_id in held else FieldViolation("id", codes.ENTRY_NOT_FOUND, {"id": item.entry_id[:64]})


def _change(item: Item, held: Mapping[str, Leaf], removed_versions: Mapping[str, int], release: int, now: datetime) -> Change | None:
    """The change that an item makes, or None if the library already says so."""
    leaf = held.get(item.entry_id)
    version = (leaf.version if leaf else removed_versions.get(item.entry_id, 0)) + 1
    if item.tombstone is not None:
        return Change(item.entry_id, version, release, tombstone=item.tombstone, recorded_at=now)
    if leaf is not None and leaf.digest == digest_of(item.content):
        return None
    return Change(item.entry_id, version, release, content=item.content, recorded_at=now)


def apply_changes(held: Mapping[str, Leaf], changes: Collection[Change]) -> dict[str, Leaf]:
    """The leaves after `changes`."""
    leaves = dict(held)
    for change in changes:
        if change.tombstone is not None:
            leaves.pop(change.entry_id, None)
        else:
            leaves[change.entry_id] = Leaf(change.entry_id, change.version, digest_of(change.content))
    return leaves


def verify_next_release(held: Release | None, offer: Offer, now: datetime) -> Decision[Release] | Refusal:
    """Decide whether a replica may take the offered release. Nothing of it may be kept before this says yes.

    Args:
        held: last good release, None for an empty replica.
        offer: the release with what the replica found out about it.
        now: when it would be kept.

    Returns: the release with `ReleaseApplied` to tell; without an event if it is held already.
    """
    release = offer.release
    if not offer.signature_valid:
        return refuse(codes.SIGNATURE_INVALID, number=release.number)
    if (wrong := succession(held, release, now)) is not None:
        return wrong
    if offer.root != release.root or offer.entry_count != release.entry_count:
        return refuse(codes.ROOT_MISMATCH, number=release.number)
    if held is not None and way(held, release, 0) is Way.NOTHING:
        return Decision(held)
    return Decision(release, (ReleaseApplied(release.epoch, release.number, release.entry_count, release.root, now),))
