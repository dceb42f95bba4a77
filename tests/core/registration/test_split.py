"""Two copies of the directory cannot stay apart unnoticed: neither under one number, nor as two histories with numbers of their own."""

from __future__ import annotations

import hashlib

from hypothesis import given
from hypothesis import strategies as st

from twelve333.core.registration.split import HELD_MAX, Held, split_between, with_newest


def history(name: str, versions: list[int], common: list[Held] | None = None) -> list[Held]:
    """A history that goes on from another one, each directory made from the one before."""
    made = list(common or [])
    for version in versions:
        before = made[-1] if made else Held(0, b"")
        made.append(Held(version, hashlib.sha256(f"{name}{version}".encode()).digest(), before.version, before.digest))
    return made


@given(st.lists(st.integers(1, 40), unique=True, min_size=1), st.data())
def test_copies_of_one_history_never_contradict_each_other(versions: list[int], data: st.DataObject) -> None:
    one = history("a", sorted(versions))
    ours, theirs = (data.draw(st.lists(st.sampled_from(one), unique=True)) for _ in range(2))
    assert split_between(ours, theirs) is None


@given(st.integers(1, 5), st.lists(st.booleans(), min_size=2, max_size=12))
def test_two_histories_contradict_as_soon_as_each_has_had_a_directory_of_its_own(common: int, turns: list[bool]) -> None:
    shared = history("common", list(range(1, common + 1)))
    numbers = {side: [common + 1 + at for at, turn in enumerate(turns) if turn is side] for side in (True, False)}
    mine, theirs = (history(str(side), numbers[side], shared) for side in (True, False))
    if numbers[True] and numbers[False]:
        split = split_between(mine, theirs)
        assert split is not None
        assert split_between(theirs, mine) is not None
    same = history("other", numbers[True], shared)
    assert (split_between(mine, same) is not None) is bool(numbers[True]), "the same numbers, other texts"


def test_a_hub_that_was_restored_begins_a_history_that_contradicts_none() -> None:
    before, after = history("a", [5, 6, 7]), history("a", [1_000_006, 1_000_007])
    assert split_between(before, after) is None


def test_what_is_remembered_is_bounded_and_both_hashes_are_named() -> None:
    held: tuple[Held, ...] = ()
    for each in history("a", list(range(1, 40))):
        held = with_newest(held, each)
    assert [each.version for each in held] == list(range(40 - HELD_MAX, 40))
    split = split_between(held, history("b", [39]))
    assert split is not None
    assert split.words("350000") == f"39 {split.ours.digest.hex()[:16]} here, 39 {split.theirs.digest.hex()[:16]} at 350000"
