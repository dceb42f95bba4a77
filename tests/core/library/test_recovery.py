"""A release that a node hands back is taken whole and proved, or not at all."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from tests.core.library.builders import entry

from twelve333.core.decision import Decision, Refusal
from twelve333.core.library import codes
from twelve333.core.library.merkle import root_of
from twelve333.core.library.model import Change, Release
from twelve333.core.library.recovery import taken_back
from twelve333.core.library.rules import apply_changes
from twelve333.wire.library import content_of

NOW = datetime(2026, 3, 2, tzinfo=UTC)


def changes(**bodies: str) -> list[Change]:
    return [Change(name, 1, 7, content=content_of(entry(name, body=body))) for name, body in sorted(bodies.items())]


def release_of(entries: list[Change], number: int = 9) -> Release:
    leaves = apply_changes({}, entries)
    return Release(1, number, len(leaves), root_of(leaves.values()), bytes(32), NOW)


BEFORE = changes(a="old", b="same")
AFTER = changes(a="new", b="same", c="added")


def test_what_was_added_changed_and_taken_out_since_the_backup_is_as_it_was() -> None:
    held = apply_changes({}, [*BEFORE, *changes(gone="withdrawn since")])
    outcome = taken_back(release_of(BEFORE, 5), held, release_of(AFTER), AFTER)
    assert isinstance(outcome, Decision)
    assert {change.entry_id for change in outcome.state} == {"a", "c", "gone"}
    after = apply_changes(held, outcome.state)
    assert root_of(after.values()) == release_of(AFTER).root


def test_entries_that_are_not_those_of_the_release_are_refused_whole() -> None:
    for wrong in (AFTER[:-1], [*AFTER[:-1], replace(AFTER[-1], content=AFTER[0].content)], BEFORE):
        outcome = taken_back(None, {}, release_of(AFTER), wrong)
        assert isinstance(outcome, Refusal)
        assert outcome.code is codes.ROOT_MISMATCH


def test_a_release_that_the_hub_has_or_has_gone_beyond_changes_nothing() -> None:
    last = release_of(BEFORE, 9)
    for one in (release_of(AFTER, 9), release_of(AFTER, 8)):
        outcome = taken_back(last, {}, one, AFTER)
        assert isinstance(outcome, Refusal)
        assert outcome.code is codes.ROLLED_BACK
