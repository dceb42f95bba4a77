"""What a consultant copies and must not overlook, and how a province adds its own words."""

from __future__ import annotations

from datetime import date

import pytest
from tests.core.library.builders import entry

from twelve333.core.decision import Refusal
from twelve333.core.library import codes
from twelve333.core.library.citing import Caution, citation, notes
from twelve333.core.library.lexicon import extended, lexicon_of
from twelve333.core.library.model import EntryKind, KnownLink, LinkKind
from twelve333.core.library.search import Lexicon, plan
from twelve333.data.resources import lexicon

DAY = date(2014, 3, 31)


def read(synonyms: str) -> Lexicon:
    found = lexicon_of(synonyms, "")
    assert isinstance(found, Lexicon)
    return found


def test_a_rule_is_cited_by_title_number_article_and_since_when() -> None:
    rule = entry(kind=EntryKind.POLICY, title="工伤保险条例", document_number="国务院令第586号", valid_from=date(2011, 1, 1))
    assert citation(rule, "第十七条") == "《工伤保险条例》（国务院令第586号）第十七条，2011年1月1日起施行"
    ended = entry(kind=EntryKind.POLICY, title="旧法", issuing_body="国务院", valid_from=date(1996, 1, 1), valid_to=date(2004, 1, 1))
    assert citation(ended) == "国务院《旧法》，1996年1月1日起施行，2004年1月1日起失效"


def test_an_answer_is_cited_with_what_it_rests_on() -> None:
    answer = entry(id="qa-1", kind=EntryKind.QA, title="怎么领", sources=("《社会保险法》第四十五条", "失业保险条例"))
    assert citation(answer) == "12333资源库“怎么领”（qa-1），依据《社会保险法》第四十五条、《失业保险条例》"


def test_what_is_not_in_force_or_was_amended_is_said() -> None:
    ended = entry(valid_from=date(2000, 1, 1), valid_to=date(2014, 3, 31))
    assert [note.caution for note in notes(ended, (), DAY)] == [Caution.ENDED]
    assert [note.caution for note in notes(entry(valid_from=date(2014, 4, 1)), (), DAY)] == [Caution.NOT_YET]
    assert notes(entry(), (), DAY) == ()
    links = [
        KnownLink(LinkKind.AMENDS, "b", "修改决定", date(2014, 1, 1), applied=False),
        KnownLink(LinkKind.AMENDS, "c", "旧决定", date(2010, 1, 1), applied=True),
        KnownLink(LinkKind.REPEALS, "d", "废止决定", DAY, applied=True),
        KnownLink(LinkKind.IMPLEMENTS, "e", "实施细则", None, applied=True),
    ]
    assert [(n.caution, n.entry_id) for n in notes(entry(), links, DAY)] == [(Caution.AMENDED, "b"), (Caution.REPEALED, "d")]


def test_a_province_adds_its_own_words_and_takes_none_away() -> None:
    own = extended(lexicon(), read("# version: 7\n欠薪 赖账\n工分 > 工资"))
    assert own.version == f"{lexicon().version}+7"
    assert set(lexicon().synonyms["欠薪"]) < set(own.synonyms["欠薪"]) >= {"赖账"}
    assert (own.synonyms["工分"], "工资" in own.synonyms) == (("工资",), False)
    made = plan("老板赖账", lambda text: [text], own)
    assert not isinstance(made, Refusal)
    assert any("拖欠工资" in group for group in made.words)


@pytest.mark.parametrize(("text", "line"), [("只有一个", 1), ("# ok\n甲 乙\n甲， 乙", 3), ("甲 > ", 1)])
def test_a_line_of_synonyms_that_is_not_in_order_is_named(text: str, line: int) -> None:
    found = lexicon_of(text, "")
    assert isinstance(found, Refusal)
    assert (found.code, found.params["line"]) == (codes.SYNONYMS_MALFORMED, str(line))
