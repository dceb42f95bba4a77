"""A local supplement hangs on its paragraph through every update, and asks a person once that paragraph reads differently."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from twelve333.core.decision import Refusal
from twelve333.core.library.likeness import ALIKE_MIN, PROBES, nearest, probes, share, side_by_side
from twelve333.core.library.search import index_grams
from twelve333.core.library.sheets import paragraphs_of
from twelve333.core.library.supplements import Loose, Supplement, anchor_in, loose

LAW = paragraphs_of("第一条 总则。\n\n第二条 职工应当在三十日内提出申请。\n\n第三条 施行。")
OURS = Supplement("s1", "e1", "350000", LAW[2], 1, "福建：可在闽政通申请。", "anna", datetime(2014, 3, 30, tzinfo=UTC))


@given(st.lists(st.sampled_from(["甲", "乙", ""]), max_size=6), st.integers(0, 6))
def test_a_supplement_stands_wherever_its_paragraph_moves(others: list[str], place: int) -> None:
    assert loose(OURS, (*others[:place], OURS.anchor, *others[place:])) is None


def test_a_paragraph_that_reads_differently_is_shown_beside_the_old_one() -> None:
    changed = tuple(line.replace("三十", "六十") for line in LAW)
    assert loose(OURS, changed) == Loose(OURS, LAW[2], changed[2])


def test_a_paragraph_that_is_gone_and_an_entry_that_is_gone_ask_a_person() -> None:
    assert loose(OURS, (LAW[0], LAW[4])) == Loose(OURS, LAW[2], "")
    assert loose(OURS, None) == Loose(OURS, LAW[2], "")


def test_a_supplement_to_the_whole_entry_stands_while_the_entry_does() -> None:
    whole = replace(OURS, anchor="")
    assert loose(whole, ("全文改写",)) is None
    assert loose(whole, None) == Loose(whole, "", "")


def test_an_anchor_is_one_paragraph() -> None:
    assert anchor_in(LAW, "三十日内") == LAW[2]
    assert anchor_in(LAW, "") == ""
    for words in ("第", "没有的话"):
        assert isinstance(anchor_in(LAW, words), Refusal)


# Alike


@given(st.text(alphabet="工伤认定申请表", max_size=30), st.text(alphabet="工伤认定申请表", max_size=30))
def test_likeness_is_symmetric_and_whole_only_for_the_same_grams(one: str, other: str) -> None:
    left, right = index_grams(one), index_grams(other)
    assert share(left, right) == share(right, left)
    assert (share(left, right) == 1) == (set(left) == set(right) != set())


def test_the_most_alike_come_first_and_the_merely_related_not_at_all() -> None:
    asked = index_grams("职工应当在三十日内提出工伤认定申请")
    near, same, far = "职工应当在六十日内提出工伤认定申请", "职工应当在三十日内提出工伤认定申请。", "申请养老金要多久"
    found = nearest(asked, {"near": index_grams(near), "same": index_grams(same), "far": index_grams(far)})
    assert [each.entry_id for each in found] == ["same", "near"]
    assert found[0].share == 1 and ALIKE_MIN < found[1].share < 1


def test_the_index_is_asked_for_the_rarest_grams_that_it_has() -> None:
    grams = [f"g{i:03}" for i in range(100)]
    counts = {gram: 100 - i for i, gram in enumerate(grams) if i % 2}
    assert probes(grams, counts) == grams[99 : 99 - 2 * PROBES : -2]


def test_two_texts_stand_side_by_side() -> None:
    rows = side_by_side(LAW, (*LAW[:2], "第二条 改。", "第二条之一 加。", *LAW[3:]))
    assert [(row.left, row.right) for row in rows if not row.same] == [(LAW[2], "第二条 改。"), (None, "第二条之一 加。")]
    assert [row.left for row in rows if row.left is not None] == list(LAW)
