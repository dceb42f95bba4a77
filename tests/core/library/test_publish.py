"""What may enter the library, and the release that a publication makes."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.core.library.builders import NOW, TOPICS, Shelf, entry, item

from twelve333.core.decision import Refusal
from twelve333.core.library import codes
from twelve333.core.library.messages import Publish
from twelve333.core.library.model import NO_ROOT, Item, Tombstone, TombstoneReason
from twelve333.core.library.rules import entry_violations, in_force, is_topic, publish


@pytest.mark.parametrize(
    ("wrong", "field", "code"),
    [
        ({"entry_id": "有空 格"}, "id", codes.ID_MALFORMED),
        ({"title": " "}, "title", codes.TITLE_MISSING),
        ({"title": "长" * 201}, "title", codes.TITLE_TOO_LONG),
        ({"body": ""}, "body", codes.BODY_MISSING),
        ({"topics": ()}, "topics", codes.TOPIC_MISSING),
        ({"topics": ("77",)}, "topics", codes.TOPIC_UNKNOWN),
        ({"region": "35"}, "region", codes.REGION_MALFORMED),
        ({"owner_unit": "hub"}, "owner_unit", codes.OWNER_MALFORMED),
        ({"valid_from": date(2014, 1, 2), "valid_to": date(2014, 1, 1)}, "valid_to", codes.VALIDITY_REVERSED),
    ],
)
def test_each_wrong_field_is_named_with_its_reason(wrong: dict[str, object], field: str, code: object) -> None:
    violations = entry_violations(entry(**wrong), TOPICS)  # type: ignore[arg-type]
    assert [(v.path, v.code) for v in violations] == [(field, code)]


def test_an_entry_in_order_has_no_violations() -> None:
    assert entry_violations(entry(region="350100", topics=("0101.350000-7",)), TOPICS) == ()


@pytest.mark.parametrize(
    ("topic", "good"), [("01", True), ("0101.320000-3", True), ("0101.32-3", False), ("0101.320000-", False), ("9", False)]
)
def test_a_local_code_hangs_under_a_known_one(topic: str, good: bool) -> None:
    assert is_topic(topic, TOPICS) is good


def test_in_force_from_the_first_day_until_the_day_of_repeal() -> None:
    rule = entry(valid_from=date(2004, 1, 1), valid_to=date(2011, 1, 1))
    days = [date(2003, 12, 31), date(2004, 1, 1), date(2010, 12, 31), date(2011, 1, 1)]
    assert [in_force(rule, day) for day in days] == [False, True, True, False]


def test_a_publication_makes_the_next_release_and_tells_it() -> None:
    shelf = Shelf()
    first = shelf.publish(item(entry("a")), item(entry("b")))
    assert first.release is not None
    assert (first.release.number, first.release.entry_count, first.release.previous_root, first.added) == (1, 2, NO_ROOT, 2)
    second = shelf.publish(item(entry("a", body="改过")))
    assert second.release is not None
    assert (second.release.number, second.release.previous_root, second.changed) == (2, first.release.root, 1)
    assert second.changes[0].version == 2


def test_publishing_the_same_again_changes_nothing() -> None:
    shelf = Shelf()
    shelf.publish(item(entry("a")))
    again = shelf.publish(item(entry("a")))
    assert (again.release, again.changes, again.unchanged) == (None, (), 1)


def test_a_wrong_item_is_left_out_with_its_place_and_the_rest_goes_in() -> None:
    published = Shelf().publish(item(entry("a")), item(entry("b", topics=())), item(entry("c")))
    assert published.added == 2
    assert [(r.index, r.entry_id, r.violation.code) for r in published.rejected] == [(1, "b", codes.TOPIC_MISSING)]


def test_strict_takes_all_or_nothing() -> None:
    command = Publish((item(entry("a")), item(entry("b", topics=()))), strict=True)
    refusal = publish({}, {}, None, 1, TOPICS, command, NOW)
    assert isinstance(refusal, Refusal)
    assert refusal.code is codes.PUBLICATION_REJECTED
    assert [v.path for v in refusal.violations] == ["items[1].topics"]


def test_a_removed_entry_that_returns_goes_on_counting_its_versions() -> None:
    shelf = Shelf()
    shelf.publish(item(entry("a")))
    gone = shelf.publish(Item("a", tombstone=Tombstone(TombstoneReason.WITHDRAWN)))
    assert (gone.removed, shelf.held) == (1, {})
    assert shelf.publish(item(entry("a"))).changes[0].version == 3


def test_removal_names_what_is_held_and_a_successor_that_is_there() -> None:
    shelf = Shelf()
    shelf.publish(item(entry("a")))
    unknown = shelf.publish(Item("x", tombstone=Tombstone(TombstoneReason.REPEALED)))
    lost = shelf.publish(Item("a", tombstone=Tombstone(TombstoneReason.MERGED, "nowhere")))
    assert [unknown.rejected[0].violation.code, lost.rejected[0].violation.code] == [codes.ENTRY_NOT_FOUND, codes.SUCCESSOR_UNKNOWN]
    assert shelf.publish(item(entry("b")), Item("a", tombstone=Tombstone(TombstoneReason.MERGED, "b"))).removed == 1


def test_an_id_stands_once_in_a_publication() -> None:
    published = Shelf().publish(item(entry("a")), item(replace(entry("a"), body="另一个")))
    assert [r.violation.code for r in published.rejected] == [codes.ID_TWICE]


@given(st.lists(st.lists(st.tuples(st.sampled_from("abcdef"), st.sampled_from(["甲", "乙", None])), max_size=5), max_size=6))
def test_any_run_of_publications_keeps_root_count_and_numbers_true(runs: list[list[tuple[str, str | None]]]) -> None:
    shelf, releases = Shelf(), 0
    for run in runs:
        items = [item(entry(name, body=body)) if body else Item(name, tombstone=Tombstone(TombstoneReason.WITHDRAWN)) for name, body in run]
        published = shelf.publish(*items)
        releases += published.release is not None
        assert published.added + published.changed + published.removed + published.unchanged + len(published.rejected) == len(items)
    assert (shelf.release.number if shelf.release else 0) == releases
    assert shelf.release is None or shelf.release.entry_count == len(shelf.held)
