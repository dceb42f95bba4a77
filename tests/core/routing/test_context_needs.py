"""What of a context travels: personal items where the topic needs them, all else always; a province's own rows; files out of order."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twelve333.adapters.context_needs import needs_with
from twelve333.core.decision import Refusal, Refused
from twelve333.core.library.deidentify import Personal, findings
from twelve333.core.routing.context import ContextItem
from twelve333.core.routing.context_needs import ANY, Needs, minimised, needs_of
from twelve333.data.context_needs import national_needs
from twelve333.data.resources import topic_codes

ID_NUMBER, MOBILE, CARD = "110101199003077571", "138 0000 1111", "6222021234567890128"
NEEDS = national_needs()
NAMES = (*sorted(NEEDS.personal), "question", "told_so_far", "own_word")
TOPICS = ("", *sorted(topic_codes()), "0601.320000-a", "77")
TEXTS = st.sampled_from(("说明", ID_NUMBER, MOBILE, f"号{CARD}，"))
ITEMS = st.dictionaries(st.sampled_from(NAMES), TEXTS).map(lambda items: tuple(ContextItem(*item) for item in items.items()))


@given(ITEMS, st.sampled_from(TOPICS))
def test_nothing_personal_travels_that_the_topic_does_not_need(context: tuple[ContextItem, ...], topic: str) -> None:
    told, wanted = minimised(context, topic, NEEDS), NEEDS.of(topic)
    given_names = [item.name for item in context]
    assert [item.name for item in told.items] == [name for name in given_names if name not in NEEDS.personal or name in wanted]
    numbers = {kind.value for kind in (Personal.ID_NUMBER, Personal.BANK_CARD, Personal.TELEPHONE)} - wanted
    for item in told.items:
        assert item.name in wanted or not {found.kind.value for found in findings(item.text)} & numbers
    assert all(len(item.text) == len(dict(context)[item.name]) for item in told.items)
    assert set(told.withheld) == set(given_names) - {item.name for item in told.items if item in context}
    assert minimised(told.items, topic, NEEDS) == (told.items, ())


def test_a_call_about_wages_takes_the_employer_along_and_leaves_the_identity_number() -> None:
    context = (
        ContextItem("name", "张三"),
        ContextItem("id_number", ID_NUMBER),
        ContextItem("employer", "某公司"),
        ContextItem("question", f"欠薪三个月，身份证{ID_NUMBER}，电话{MOBILE}"),
    )
    told = minimised(context, "0601", NEEDS)
    assert told.withheld == ("id_number", "question")
    assert [item.name for item in told.items] == ["name", "employer", "question"]
    assert told.items[2].text == f"欠薪三个月，身份证{'*' * 18}，电话{MOBILE}"
    assert minimised(context, "0401", NEEDS) == (context, ())


def test_a_code_has_what_those_above_it_have_and_a_local_one_what_its_national_one_has() -> None:
    assert NEEDS.of("") == NEEDS.of("77") == NEEDS.by_topic[ANY]
    assert NEEDS.of("01") < NEEDS.of("0103") == NEEDS.of("0103.320000-early")
    assert NEEDS.by_topic.keys() - {ANY} <= topic_codes()


def test_a_provinces_own_rows_stand_in_the_place_of_the_national_ones(tmp_path: Path) -> None:
    file = tmp_path / "needs.toml"
    file.write_text('version = 1\npersonal = ["household"]\n[needs]\nany = []\n"06" = ["id_number", "household"]\n', encoding="utf-8")
    own = needs_with(file)
    assert (own.of(""), own.of("0601")) == (frozenset(), frozenset({"id_number", "household"}))
    assert own.of("0402") == NEEDS.by_topic["04"] | NEEDS.by_topic["0402"]
    assert minimised((ContextItem("household", "非农"),), "0101", own).withheld == ("household",)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("version = ", "at end of document"),
        ("", "version"),
        ("version = 2", "version"),
        ("version = 1\nneed = {}", "need"),
        ('version = 1\npersonal = "name"', "personal"),
        ('version = 1\npersonal = ["Name"]', "personal"),
        ("version = 1\nneeds = []", "needs"),
        ('version = 1\n[needs]\n"4" = []', "needs.4"),
        ('version = 1\n[needs]\n"04" = ["question"]', "needs.04"),
        ('version = 1\n[needs]\n"04" = "name"', "needs.04"),
    ],
)
def test_a_table_that_is_not_in_order_is_refused_with_the_place(text: str, place: str) -> None:
    found = needs_of(text, NEEDS.personal)
    assert isinstance(found, Refusal)
    assert (found.code.name, place in str(found.params["at"])) == ("ROUTING_CONTEXT_NEEDS_MALFORMED", True)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(Refused) as caught:
        needs_with(tmp_path / "absent.toml")
    assert "absent.toml" in str(caught.value.refusal.params["at"])


def test_without_a_row_for_every_call_nothing_personal_goes_along() -> None:
    assert minimised((ContextItem("name", "张三"),), "", Needs(frozenset({"name"}), {})) == ((), ("name",))
