"""Two copies of the directory cannot stay apart unnoticed: neither under one number, nor as two histories with numbers of their own."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta

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


def test_a_hub_that_only_says_it_was_restored_is_betrayed_by_the_one_that_goes_on() -> None:
    made, minute = datetime(2026, 3, 30, 9, tzinfo=UTC), timedelta(minutes=1)
    true = [replace(each, made_at=made - minute, confirmed_at=made + 11 * minute) for each in history("true", [5, 6])]
    false = replace(history("false", [1_000_006])[0], made_at=made, confirmed_at=made)
    split = split_between(true, [false])
    assert split is not None
    assert (split.ours, split.theirs) == (true[0], false)
    assert split_between([false], true) is not None
    honest = [replace(each, confirmed_at=made + 9 * minute) for each in true]  # clocks differ by so much
    assert split_between(honest, [false]) is None
    assert split_between([replace(each, confirmed_at=None) for each in true], [false]) is None, "told by an older program"


@given(st.lists(st.integers(1, 400), unique=True, min_size=2), st.data())
def test_one_hub_never_betrays_itself_whatever_it_confirmed_to_whom(minutes: list[int], data: st.DataObject) -> None:
    """Each directory is confirmed from when it was made until the next one was, by one clock; a restore leaps."""
    begin, times = datetime(2026, 3, 30, 9, tzinfo=UTC), sorted(minutes)
    leap = data.draw(st.integers(0, len(times)))
    made = history("a", [at + (1_000_000 if at >= leap else 0) for at in range(1, len(times) + 1)])
    if 0 < leap < len(made):
        made[leap - 1] = replace(made[leap - 1], previous=0, previous_digest=b"")
    ends = [*times[1:], times[-1] + 100]
    sides = [
        [
            replace(each, made_at=begin + timedelta(minutes=at), confirmed_at=begin + timedelta(minutes=data.draw(st.integers(at, end))))
            for each, at, end in zip(made, times, ends, strict=True)
        ]
        for _ in range(2)
    ]
    assert split_between(*sides) is None


def test_what_is_remembered_is_bounded_and_both_hashes_are_named() -> None:
    held: tuple[Held, ...] = ()
    for each in history("a", list(range(1, 40))):
        held = with_newest(held, each)
    assert [each.version for each in held] == list(range(40 - HELD_MAX, 40))
    split = split_between(held, history("b", [39]))
    assert split is not None
    assert split.words("350000") == f"39 {split.ours.digest.hex()[:16]} here, 39 {split.theirs.digest.hex()[:16]} at 350000"
