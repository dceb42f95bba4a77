"""How a question becomes a search, how hits are ranked, and what is read out."""

from __future__ import annotations

from datetime import date

from hypothesis import given
from hypothesis import strategies as st
from tests.core.library.builders import entry

from twelve333.core.decision import Refusal
from twelve333.core.library import codes
from twelve333.core.library.articles import SNIPPET_CHARS_MAX, Quote, passages, quote
from twelve333.core.library.model import NATIONAL
from twelve333.core.library.ranking import Corpus, Text, boost, region_weight, telling, weigh
from twelve333.core.library.search import Lexicon, Plan, fold, index_grams, index_text, plan, query_grams

LEXICON = Lexicon({"不发工资": ("欠薪",)}, frozenset({"怎么办", "我", "了"}))
TEXT = st.text(alphabet="工伤保险条例养老金,。 A1", max_size=40)


def _cut(words: str) -> list[str]:
    return [words[i : i + 2] for i in range(0, len(words), 2)]


def _plan(query: str) -> Plan:
    made = plan(query, _cut, LEXICON)
    assert isinstance(made, Plan)
    return made


@given(TEXT, st.data())
def test_every_piece_of_a_text_is_found_by_its_grams(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text)))
    piece = text[start : data.draw(st.integers(start, len(text)))]
    grams = index_grams(text)
    for term in fold(piece).replace(",", " ").replace("。", " ").split():
        wanted = query_grams(term)
        assert all(any(g.startswith(w) if len(w) == 1 else g == w for g in grams) for w in wanted)


@given(st.text(max_size=60) | TEXT)
def test_an_index_is_given_exactly_the_grams_of_a_text(text: str) -> None:
    laid = index_text(text)
    assert set(laid.split(" ")) - {""} == set(index_grams(text))
    assert "  " not in laid


def test_folding_keeps_positions() -> None:
    assert fold("ＡＢ１　İ，") == "ab1 i,"


def test_the_literal_lane_wants_every_run_as_typed() -> None:
    made = _plan("工伤，认定")
    assert (made.terms, made.literal) == (("工伤", "认定"), ("工伤", "认定"))


def test_the_spoken_lane_drops_stop_words_and_adds_synonyms() -> None:
    made = _plan("老板不发工资怎么办")
    assert ("不发工资", "欠薪") in made.words
    assert ("老板",) in made.words
    assert "欠薪" in made.spoken


def test_an_empty_or_endless_question_is_refused() -> None:
    found = [plan(query, _cut, LEXICON) for query in ("", "？！", "工" * 201)]
    assert [r.code for r in found if isinstance(r, Refusal)] == [codes.QUERY_EMPTY, codes.QUERY_EMPTY, codes.QUERY_TOO_LONG]


def test_the_callers_unit_comes_before_province_nation_sister_and_elsewhere() -> None:
    weights = [region_weight(region, "350100") for region in ("350100", "350000", NATIONAL, "350200", "440000")]
    assert weights == sorted(weights, reverse=True)
    assert region_weight(NATIONAL, "") > region_weight("350000", "")


def test_in_force_weighs_more_than_not() -> None:
    day = date(2014, 1, 1)
    assert boost(entry(), "", day) > boost(entry(valid_to=date(2013, 1, 1)), "", day)


def worth(title: str, body: str, word: str) -> float:
    words = telling(((word,),), Corpus(100, {"工伤": 5, "单位": 80, "伤残": 9}))
    return weigh(Text(title, body), set(index_grams(f"{title}\n{body}")), words)


def test_a_word_in_the_title_and_a_rare_word_weigh_more() -> None:
    assert worth("工伤认定", "工伤", "工伤") > worth("其他", "工伤", "工伤") > worth("其他", "单位", "单位") > 0
    assert worth("其他", "养老", "工伤") == 0


def test_a_word_of_which_only_parts_are_there_counts_in_part() -> None:
    assert worth("其他", "因工伤残", "因工伤残") > worth("其他", "工伤，伤残", "因工伤残") > worth("其他", "工伤", "因工伤残") > 0


STATUTE = """## 第三章　工伤认定

第十四条 职工有下列情形之一的，应当认定为工伤：

(一)在工作时间和工作场所内受到伤害的；

第十七条 所在单位应当自事故发生之日起30日内提出申请。
"""


def test_articles_are_recognised_under_their_chapters() -> None:
    found = passages(STATUTE)
    assert [(p.chapter, p.article) for p in found] == [("第三章 工伤认定", "第十四条"), ("第三章 工伤认定", "第十七条")]
    assert "工作场所" in found[0].text


def quoted(body: str, *words: str) -> Quote:
    return quote(body, fold(body), {word: (number, float(len(word))) for number, word in enumerate(words)})


def test_the_quote_names_the_article_and_holds_the_words() -> None:
    told = quoted(STATUTE, "30日")
    assert (told.article, told.chapter, told.matched) == ("第十七条", "第三章 工伤认定", ("30日",))
    assert "30日" in told.snippet
    assert told.sentence == "所在单位应当自事故发生之日起30日内提出申请。"


def test_the_quote_is_of_the_article_that_says_most() -> None:
    assert quoted(STATUTE, "工作", "受到伤害").article == "第十四条"
    assert quoted(STATUTE, "工作", "受到伤害").sentence == "(一)在工作时间和工作场所内受到伤害的；"
    assert quoted(STATUTE, "申请", "受到伤害", "工伤认定").article == "第十四条"


def test_an_article_is_found_by_its_number() -> None:
    assert quoted(STATUTE, "第十七条").article == "第十七条"


def test_an_article_that_is_only_referred_to_is_no_article() -> None:
    body = "第三条 依照\n第十四条的规定认定。\n第四条、第五条不适用于工伤。"
    assert quoted(body, "规定认定").article == quoted(body, "适用").article == "第三条"


def test_a_text_without_the_words_is_told_by_its_beginning() -> None:
    told = quoted("# 标题\n\n先说这个。\n再说那个。", "工伤")
    assert (told.snippet, told.matched, told.sentence) == ("先说这个。", (), "")


@given(st.text(alphabet="工伤保险。；\n第一条章# Ａ０", max_size=600))
def test_a_snippet_is_never_longer_than_can_be_read_out_and_a_sentence_stands_in_the_text(text: str) -> None:
    told = quoted(text, "保险", "a0")
    assert len(told.snippet) <= SNIPPET_CHARS_MAX
    assert "".join(told.sentence.split()) in "".join(text.split())
    assert all(word in fold(told.sentence) or word in fold(text) for word in told.matched)
