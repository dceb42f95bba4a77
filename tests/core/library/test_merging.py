"""The three-way merge: laws that hold for any three texts, and the clashes that people see."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from twelve333.core.decision import Refusal
from twelve333.core.library.merging import FieldClash, ParagraphClash, Side, merge
from twelve333.core.library.sheets import Sheet, difference, paragraphs_of, patched, text_of

# Few different paragraphs, so that sides often agree, repeat themselves and touch each other.
_texts = st.lists(st.sampled_from(["", "甲", "乙", "丙", "丁", "戊", "己"]), max_size=9).map(tuple)
_fields = st.dictionaries(st.sampled_from(["title", "topics", "region"]), st.sampled_from([b"1", b"2", b"3"]))
sheets = st.builds(Sheet, _fields, _texts)


@given(sheets, sheets)
def test_the_difference_leads_from_one_to_the_other(base: Sheet, other: Sheet) -> None:
    assert patched(base, difference(base, other)) == other


@given(sheets, sheets, sheets)
def test_a_difference_is_refused_on_a_base_that_says_something_else_where_it_changes(base: Sheet, other: Sheet, wrong: Sheet) -> None:
    made = patched(wrong, difference(base, other))
    if isinstance(made, Sheet):  # it may fit by chance: then it changed exactly what it names
        assert difference(wrong, made).fields == difference(base, other).fields
    else:
        assert made.code.name == "LIBRARY_PROPOSAL_BASE_DIFFERS"


@given(sheets, sheets)
def test_what_only_one_side_changed_is_taken(base: Sheet, other: Sheet) -> None:
    assert merge(base, other, base).clean == other
    assert merge(base, base, other).clean == other
    assert merge(base, other, other).clean == other


@given(sheets, sheets, sheets)
def test_a_clean_merge_is_the_same_from_both_sides_and_clashes_are_mirrored(base: Sheet, one: Sheet, other: Sheet) -> None:
    there, back = merge(base, one, other), merge(base, other, one)
    assert there.clean == back.clean
    assert there.taking(Side.MINE) == back.taking(Side.THEIRS)
    assert len(there.clashes) == len(back.clashes)


@given(sheets, sheets, sheets)
def test_nothing_is_silently_lost(base: Sheet, one: Sheet, other: Sheet) -> None:
    """Every paragraph and field that a side put in is in the merge, or shown in a clash; and nothing comes from nowhere."""
    merged = merge(base, one, other)
    clean = Counter(line for part in merged.stretches if not isinstance(part, ParagraphClash) for line in part)
    shown = Counter(line for part in merged.stretches if isinstance(part, ParagraphClash) for line in (*part.theirs, *part.mine))
    for side in (one, other):
        put_in = Counter(line for hunk in difference(base, side).paragraphs for line in hunk.added)
        assert not put_in - (clean + shown)
        said = {name for name, value in side.fields.items() if value != base.fields.get(name)}
        clashed = {part.name for part in merged.fields if isinstance(part, FieldClash)}
        assert all(name in clashed or merged.taking(Side.MINE).fields[name] == side.fields[name] for name in said)
    assert not clean - (Counter(base.paragraphs) + Counter(one.paragraphs) + Counter(other.paragraphs))


@given(sheets, sheets, sheets)
def test_what_both_sides_left_alone_stays(base: Sheet, one: Sheet, other: Sheet) -> None:
    untouched = {name for name in base.fields if one.fields.get(name) == other.fields.get(name) == base.fields[name]}
    assert all(merge(base, one, other).taking(side).fields[name] == base.fields[name] for name in untouched for side in Side)


@given(st.text(alphabet="工伤\n ", max_size=30))
def test_paragraphs_give_back_their_text_exactly(text: str) -> None:
    assert text_of(paragraphs_of(text)) == text


LAW = Sheet({"title": "办法".encode()}, ("第一条 总则。", "", "第二条 三十日内申请。", "", "第三条 施行。"))


def test_changes_of_different_paragraphs_and_fields_merge_by_themselves() -> None:
    theirs = Sheet({"title": "新办法".encode()}, (*LAW.paragraphs[:4], "第三条 自公布之日起施行。"))
    mine = Sheet({**LAW.fields, "topics": b"04"}, ("第一条 总则。", "", "第二条 六十日内申请。", "", "第三条 施行。"))
    merged = merge(LAW, theirs, mine).clean
    assert merged == Sheet(
        {"title": "新办法".encode(), "topics": b"04"}, ("第一条 总则。", "", "第二条 六十日内申请。", "", "第三条 自公布之日起施行。")
    )


def test_two_texts_for_one_paragraph_are_a_clash_that_shows_both() -> None:
    theirs = Sheet({"title": "甲".encode()}, (*LAW.paragraphs[:2], "第二条 九十日内申请。", *LAW.paragraphs[3:]))
    mine = Sheet({"title": "乙".encode()}, (*LAW.paragraphs[:2], "第二条 六十日内申请。", *LAW.paragraphs[3:]))
    merged = merge(LAW, theirs, mine)
    assert merged.clean is None
    assert merged.clashes == (
        FieldClash("title", "办法".encode(), "甲".encode(), "乙".encode()),
        ParagraphClash(2, ("第二条 三十日内申请。",), ("第二条 九十日内申请。",), ("第二条 六十日内申请。",)),
    )
    assert merged.taking(Side.MINE) == mine
    assert merged.taking(Side.THEIRS) == theirs


def test_a_change_of_what_the_other_side_took_out_is_a_clash() -> None:
    gone = Sheet(LAW.fields, LAW.paragraphs[:1] + LAW.paragraphs[3:])
    changed = Sheet(LAW.fields, (*LAW.paragraphs[:2], "第二条 六十日内申请。", *LAW.paragraphs[3:]))
    assert len(merge(LAW, gone, changed).clashes) == 1


def test_a_difference_made_on_another_text_is_refused() -> None:
    change = difference(LAW, Sheet(LAW.fields, ("第一条 改。", *LAW.paragraphs[1:])))
    refused = patched(Sheet(LAW.fields, ("另一条。", *LAW.paragraphs[1:])), change)
    assert isinstance(refused, Refusal)
    assert (refused.code.name, refused.params) == ("LIBRARY_PROPOSAL_BASE_DIFFERS", {"place": "body"})
