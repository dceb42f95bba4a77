"""Markdown files become entries: names, dates, versions and places are recognised, and what is wrong is said."""

from __future__ import annotations

from datetime import date

import pytest
from tests.support.texts import policy_texts

from twelve333.core.decision import Refusal
from twelve333.core.library import codes
from twelve333.core.library.articles import passages
from twelve333.core.library.markdown import Guide, Topic, head_of, parse_file, succeed
from twelve333.core.library.model import NATIONAL, Entry, EntryKind
from twelve333.core.library.rules import entry_violations
from twelve333.data.resources import sample_files, topic_codes, topics

GUIDE = Guide((Topic("10", ("就业",)), Topic("04", ("工伤",)), Topic("0401", ("工伤认定",))), {"宁波市": "330200", "福州市": "350100"})
POLICY = """# 山东省就业促进条例

2016年3月30日 山东省第十二届人民代表大会常务委员会第二十次会议修正

<!-- INFO END -->

第一条 为了促进就业。
"""
HEAD = "---\nid: qa-1\nkind: qa\ntitle: 题\ntopics: 04, 0401\nvalid_from: 2011-01-01\nsources: 甲法；乙条例\n---\n答。\n"


def _entry(path: tuple[str, ...], text: str) -> Entry:
    parsed = parse_file(path, text, GUIDE)
    assert isinstance(parsed, Entry)
    return parsed


def test_a_policy_is_named_by_its_file_and_folder() -> None:
    one = _entry(("370000", "山东省就业促进条例(2016-03-30).md"), POLICY)
    assert (one.kind, one.title, one.region, one.topics) == (EntryKind.POLICY, "山东省就业促进条例", "370000", ("10",))
    assert (one.valid_from, one.issuing_body) == (date(2016, 3, 30), "山东省人民代表大会常务委员会")
    assert one.body.startswith("第一条")


def test_a_stated_entry_into_force_counts_before_the_date_of_the_file() -> None:
    text = "# 宁波市职业技能培训条例\n\n2016年7月1日 施行\n\n<!-- INFO END -->\n\n第一条 甲。\n"
    one = _entry(("330000", "宁波市职业技能培训条例(2016-04-20).md"), text)
    assert (one.valid_from, one.region) == (date(2016, 7, 1), "330200")


def test_a_place_of_another_province_does_not_move_a_text() -> None:
    assert _entry(("330000", "福州市办法.md"), "# 福州市办法\n\n甲\n").region == "330000"


def test_the_older_text_ends_on_the_day_of_the_newer() -> None:
    files = [("national", f"职业教育法({day}).md") for day in ("2022-04-20", "1996-05-15")]
    new, old = succeed([_entry(path, "# 中华人民共和国职业教育法\n\n第一条 甲。\n") for path in files])
    assert new.document == old.document
    assert (old.valid_to, new.valid_to) == (date(2022, 4, 20), None)
    assert old.id != new.id


def test_our_own_form_is_read_with_its_head() -> None:
    one = _entry(("injury", "qa-1.md"), HEAD)
    assert (one.id, one.kind, one.topics, one.sources, one.body) == ("qa-1", EntryKind.QA, ("04", "0401"), ("甲法", "乙条例"), "答。")


@pytest.mark.parametrize(
    ("path", "text", "code"),
    [
        (("370000", "a.md"), "没有标题", codes.FILE_TITLE_MISSING),
        (("370000", "a.txt"), "# 题", codes.FILE_TITLE_MISSING),
        (("370000", "a(2016-13-30).md"), "# 题\n", codes.FILE_DATE_MALFORMED),
        (("a.md",), "---\nkind: qa\n没有冒号\n---\n答", codes.FILE_HEAD_MALFORMED),
        (("a.md",), "---\nid: a\ntitle: 题\nkind: poem\n---\n答", codes.FILE_HEAD_MALFORMED),
        (("a.md",), "---\nid: a\ntitle: 题\nkind: qa\ncolour: red\n---\n答", codes.FILE_HEAD_MALFORMED),
        (("a.md",), "---\nid: a\ntitle: 题\nkind: qa\nvalid_from: 昨天\n---\n答", codes.FILE_DATE_MALFORMED),
        (("a.md",), "---\nkind: qa\ntitle:\n---\n答", codes.FILE_HEAD_LACKS),
    ],
)
def test_a_wrong_file_is_refused_with_its_reason(path: tuple[str, ...], text: str, code: object) -> None:
    refusal = parse_file(path, text, GUIDE)
    assert isinstance(refusal, Refusal)
    assert refusal.code is code


def test_all_that_a_head_lacks_is_named_at_once() -> None:
    refusal = parse_file(("a.md",), "---\nkind: qa\ntopics: 04\n---\n答", GUIDE)
    assert isinstance(refusal, Refusal)
    assert (refusal.code, refusal.params["keys"]) == (codes.FILE_HEAD_LACKS, "id, title")


def test_the_sample_of_the_project_is_in_order() -> None:
    parsed = [parse_file(path, text, Guide(topics())) for path, text in sample_files()]
    entries = [one for one in parsed if isinstance(one, Entry)]
    assert len(entries) == len(parsed) >= 64
    assert [entry_violations(one, topic_codes()) for one in entries if entry_violations(one, topic_codes())] == []
    assert len({one.id for one in entries}) == len(entries)
    assert sum(one.kind is EntryKind.CASE for one in entries) >= 8
    assert all(one.sources and one.review_due and 60 <= len(one.body) <= 300 for one in entries)


def test_every_real_text_is_recognised() -> None:
    texts = policy_texts()
    files = sorted(texts.rglob("*.md"))
    parsed = [parse_file(file.relative_to(texts).parts, file.read_text(encoding="utf-8"), Guide(topics())) for file in files]
    entries = succeed([one for one in parsed if isinstance(one, Entry)])
    assert len(entries) == len(files)
    assert len({one.id for one in entries}) == len(entries)
    assert [entry_violations(one, topic_codes()) for one in entries if entry_violations(one, topic_codes())] == []
    by_title = {one.title: one for one in entries}
    injury = by_title["工伤保险条例"]
    assert (injury.region, injury.valid_from) == (NATIONAL, date(2010, 12, 20))
    assert {p.article for p in passages(injury.body)} >= {"第十四条", "第十七条", "第六十七条"}
    ended = [one.title for one in entries if one.valid_to]
    assert ended == ["中华人民共和国职业教育法"]


@pytest.mark.parametrize(
    ("name", "article", "start"),
    [
        ("甲市工资条例(2019-12-30).md", "第六十四条 本条例自2020年5月1日起施行。", date(2020, 5, 1)),
        ("甲市工资条例.md", "本办法自 2005年11月1日起正式实施。", date(2005, 11, 1)),
        ("甲市工资条例(2016-03-30).md", "第五十条 本条例自2010年1月1日起施行。", date(2016, 3, 30)),  # amended since
        ("甲市工资条例(2016-03-30).md", "第五十条 《乙市工资条例》自2018年1月1日起施行。", date(2016, 3, 30)),  # another one's day
        ("甲市工资条例(2016-03-30).md", "第五十条 本条例自公布之日起施行。", date(2016, 3, 30)),
    ],
)
def test_the_day_of_entry_into_force_is_the_one_that_the_document_names(name: str, article: str, start: date) -> None:
    entry = parse_file(("national", name), f"# 甲市工资条例\n\n<!-- INFO END -->\n\n第一条 甲。\n\n{article}", Guide())
    assert isinstance(entry, Entry)
    assert entry.valid_from == start


def test_a_head_is_read_in_either_language_with_either_colon_and_line_end() -> None:
    text = "---\r\n编号：a\r\n类别: 问答\r\ntitle：《劳动法》：权利\r\n分类：04\r\n施行日期：2016年3月30日\r\n附件：表.pdf\r\n---\r\n答"
    read = parse_file(("a.md",), text, GUIDE)
    assert isinstance(read, Entry)
    assert (read.id, read.kind, read.title, read.topics, read.body) == ("a", EntryKind.QA, "《劳动法》：权利", ("04",), "答")
    assert (read.valid_from, head_of(text)["attachments"]) == (date(2016, 3, 30), "表.pdf")
    assert head_of("# 题\n\nattachments: x\n\n---\n") == {}
