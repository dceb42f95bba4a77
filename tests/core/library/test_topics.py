"""Codes hang under the ministry's, change over time without getting lost, and always roll up to the national view."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.core.library.builders import entry

from twelve333.core.library.mapping import Mapped, mapped
from twelve333.core.library.model import EntryKind
from twelve333.core.library.topics import (
    OTHER,
    TABLE_BECOMES,
    TABLE_CODE,
    TABLE_MALFORMED,
    Classification,
    Status,
    TopicCode,
    classification_of,
    read_table,
    table_violations,
)
from twelve333.data.resources import topic_table

MINISTRY = """code,name,status,becomes
01,养老,,
0101,职工养老,,
0102,老农保,merged,0103
0103,居民养老,,
0104,旧码,split,0101|0103
0105,停用,deprecated,
99,其他,,
"""
PROVINCE = """code,name,status,becomes
0101.350000-1,省内企业,,
0101.350000-2,旧分类,merged,0101.350000-1
0103.350200-7,厦门居民,,
"""
TABLES = (
    entry("topics", MINISTRY, kind=EntryKind.TOPICS),
    entry("topics-350000", PROVINCE, kind=EntryKind.TOPICS, region="350000"),
)
KNOWN = classification_of(TABLES, topic_table())
codes = (
    st.from_regex(r"[0-9]{2,6}(\.[1-9][0-9]{5}-[a-z0-9]{1,3})?", fullmatch=True)
    | st.sampled_from(sorted(KNOWN.codes))
    | st.text(max_size=12)
)


def test_the_ministry_s_table_takes_the_place_of_ours() -> None:
    assert "0601" not in KNOWN.codes
    assert "0601" in classification_of(TABLES[1:], topic_table()).codes
    assert [table_violations(table, KNOWN) for table in TABLES] == [(), ()]


@pytest.mark.parametrize(
    ("code", "accepted"),
    [
        ("0101", True),
        ("0105", True),
        ("0102", False),
        ("0104", False),
        ("0101.350000-1", True),
        ("0101.350000-new", True),
        ("0101.350000-2", False),
        ("0102.350000-1", False),
        ("0777", False),
        ("0101.35-1", False),
        ("A-17", False),
    ],
)
def test_an_entry_may_have_codes_in_use_and_local_ones_under_them(code: str, accepted: bool) -> None:
    assert KNOWN.accepts(code) is accepted


@given(codes)
def test_rolling_up_to_the_national_view_never_fails(code: str) -> None:
    rolled = KNOWN.roll_up(code)
    assert KNOWN.codes[rolled].status in (Status.IN_USE, Status.DEPRECATED)
    assert "." not in rolled


@given(st.dictionaries(st.sampled_from(["01", "0101", "02", "0201"]), st.sampled_from(["01", "0101", "02", "0201"])), codes)
def test_rolling_up_ends_also_where_maps_go_in_circles(maps: dict[str, str], code: str) -> None:
    circular = Classification({one: TopicCode(one, one, status=Status.MERGED, becomes=(to,)) for one, to in maps.items()})
    assert circular.roll_up(code) in {*circular.codes, OTHER} or circular.roll_up(code) == OTHER
    assert circular.merged_into(code) is None


@pytest.mark.parametrize(
    ("code", "rolled"),
    [
        ("0102", "0103"),
        ("0104", "0101"),
        ("0102.350000-1", "0103"),
        ("0101.350000-2", "0101"),
        ("010188", "0101"),
        ("0188", "01"),
        ("88", OTHER),
        ("A-17", OTHER),
    ],
)
def test_merged_split_local_and_unknown_codes_count_under_a_code_in_use(code: str, rolled: str) -> None:
    assert KNOWN.roll_up(code) == rolled


def test_codes_are_mapped_by_what_became_of_them_then_by_people_and_the_rest_is_named() -> None:
    maps = {"A-17": "0101", "B-2": "0102", "C": "0104"}
    assert mapped(("0102", "0101.350000-2", "A-17", "0101"), KNOWN, maps) == Mapped(("0103", "0101.350000-1", "0101"), ())
    assert mapped(("B-2", "0104", "X"), KNOWN, maps) == Mapped(("0103",), ("0104", "X"))
    assert mapped(("C",), KNOWN, maps) == Mapped((), ("C",))
    assert mapped(("0102.350000-9",), KNOWN, {}) == Mapped(("0103.350000-9",), ())


@pytest.mark.parametrize(
    ("body", "region", "code"),
    [
        ("name\n养老\n", "000000", TABLE_MALFORMED),
        ("code,name\n1,养老\n", "000000", TABLE_CODE),
        ("code,name\n01,养老\n01,养老\n", "000000", TABLE_CODE),
        ("code,name\n0101.350000-1,省\n", "000000", TABLE_CODE),
        ("code,name\n0102,省\n", "350000", TABLE_CODE),
        ("code,name\n0101.320000-1,别省\n", "350000", TABLE_CODE),
        ("code,name,status,becomes\n01,养老,merged,\n", "000000", TABLE_BECOMES),
        ("code,name,status,becomes\n01,养老,merged,77\n", "000000", TABLE_BECOMES),
        ("code,name,status,becomes\n01,养老,split,99\n99,其他,,\n", "000000", TABLE_BECOMES),
    ],
)
def test_a_table_that_is_not_in_order_is_refused(body: str, region: str, code: object) -> None:
    table = entry("t", body, kind=EntryKind.TOPICS, region=region)
    tables = (table,) if region == "000000" else (TABLES[0], table)
    assert [one.code for one in table_violations(table, classification_of(tables, ()))] == [code]


def test_a_code_that_cannot_stand_in_a_table_is_told_with_its_line() -> None:
    table = entry("t", "code,name\n0101.320000-1,甲\n0101.350000-1,乙\n", kind=EntryKind.TOPICS, region="320000")
    (wrong,) = table_violations(table, classification_of((TABLES[0], table), ()))
    assert wrong.params == {"line": "3", "topic": "0101.350000-1"}


def test_our_own_table_is_in_order() -> None:
    assert len(topic_table()) > 30
    assert read_table("code,name\n")[1] == []
