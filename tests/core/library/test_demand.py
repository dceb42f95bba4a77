"""Counted and told are single public words that enough desks used; nothing else of a question."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from twelve333.adapters.segmenter import words
from twelve333.core.library.demand import DESK_DAYS_MIN, TermDemand, countable, told
from twelve333.core.library.search import Plan, plan
from twelve333.data.resources import lexicon


def counted(question: str, *found: str) -> frozenset[str]:
    made = plan(question, words, lexicon())
    assert isinstance(made, Plan)
    return countable(made, found, lexicon())


def test_names_and_numbers_of_a_question_are_never_counted() -> None:
    question = "我叫欧阳翠花，身份证110101199003078515，电话13912345678，工伤怎么认定"
    assert counted(question, "工伤认定的办法") == {"工伤", "认定"}
    assert counted("欧阳翠花13912345678") == frozenset()


def test_a_word_that_nothing_found_holds_is_counted_only_if_the_lexicon_has_it() -> None:
    assert counted("欠薪 诸葛铁柱") == {"欠薪"}


@given(st.text(max_size=60), st.text(alphabet="工伤认定欠薪", max_size=30))
def test_whatever_is_counted_stands_in_what_is_public(question: str, found: str) -> None:
    made = plan(question, words, lexicon())
    if isinstance(made, Plan):
        assert all(word in found or word in lexicon().synonyms for word in countable(made, [found], lexicon()))


def test_a_word_is_shown_only_once_enough_desks_have_used_it() -> None:
    terms = [(TermDemand("工伤", 9, 0), DESK_DAYS_MIN), (TermDemand("退休", 90, 0), DESK_DAYS_MIN - 1), (TermDemand("欠薪", 9, 2), 7)]
    assert [one.term for one in told(terms, without_hits=False, limit=9)] == ["工伤", "欠薪"]
    assert [one.term for one in told(terms, without_hits=True, limit=9)] == ["欠薪"]
