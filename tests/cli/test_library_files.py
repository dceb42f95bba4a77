"""Files of other people become entries, or are left out with their place and reason; hostile ones are refused before they are opened."""

from __future__ import annotations

import csv
import zipfile
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import docx
import pytest
from openpyxl import Workbook

from twelve333.adapters.foreign_files import read_text, write_excel
from twelve333.cli.library_files import Reading, read_files, readable_files, sample_entries
from twelve333.core.decision import Refused
from twelve333.core.library.export import CELL_CHARS_MAX, COLUMNS, Exported, index, markdown, page, record, row, sheet
from twelve333.core.library.model import Entry, EntryKind, Link, LinkKind

TODAY = date(2026, 3, 30)


def _read(folder: Path, *, imported: bool = False) -> Reading:
    return read_files(folder, readable_files(folder), "en", imported=imported)


def _csv(path: Path, rows: list[list[str]], encoding: str = "utf-8") -> None:
    with path.open("w", encoding=encoding, newline="") as file:
        csv.writer(file).writerows(rows)


CHINESE = ["编号", "类别", "标题", "正文", "分类", "地区", "施行日期", "关联", "备注"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
def test_a_table_is_read_whatever_its_encoding_and_language(tmp_path: Path, encoding: str) -> None:
    _csv(
        tmp_path / "问答.csv",
        [CHINESE, ["a", "问答", "题", "答一\n答二", "04", "350100", "2016-03-30", "interprets law", "x"], [""] * 9],
        encoding,
    )
    (entry,) = _read(tmp_path).entries
    assert (entry.kind, entry.region, entry.valid_from, entry.body) == (EntryKind.QA, "350100", date(2016, 3, 30), "答一\n答二")
    assert entry.links == (Link(LinkKind.INTERPRETS, "law"),)


def test_a_wrong_row_is_named_by_file_row_and_column_and_the_rest_goes_in(tmp_path: Path) -> None:
    good = ["a", "qa", "题", "答", "04", ""]
    wrong = [["b", "qa", "题", "答", "04", "30.3.2016"], ["c", "x", "题", "答", "04"], ["d", "qa", "", "答", "04"], good]
    _csv(tmp_path / "t.csv", [["id", "kind", "title", "body", "topics", "valid_from"], good, *wrong])
    reading = _read(tmp_path)
    assert [one.id for one in reading.entries] == ["a"]
    assert [(one.file, one.row, one.column, one.code) for one in reading.wrong] == [
        ("t.csv", 3, "valid_from", "LIBRARY_DATE_MALFORMED"),
        ("t.csv", 4, "kind", "LIBRARY_KIND_MISSING"),
        ("t.csv", 5, "title", "LIBRARY_TITLE_MISSING"),
        ("t.csv", 6, "id", "LIBRARY_FILE_VERSION_TWICE"),
    ]


def test_a_table_without_its_columns_is_refused_with_their_names(tmp_path: Path) -> None:
    _csv(tmp_path / "t.csv", [["编号", "标题"], ["a", "题"]])
    (wrong,) = _read(tmp_path).wrong
    assert wrong.code == "LIBRARY_FILE_COLUMNS_MISSING" and "kind, body, topics" in wrong.message


def test_an_excel_sheet_is_read_with_dates_and_codes_as_people_mean_them(tmp_path: Path) -> None:
    book = Workbook()
    assert book.active is not None
    book.active.append(CHINESE)
    book.active.append(["a", "政策", "题", "正文", 101, 350000, datetime(2016, 3, 30), None, None])
    book.save(tmp_path / "t.xlsx")
    (entry,) = _read(tmp_path).entries
    assert (entry.topics, entry.region, entry.valid_from) == (("0101",), "350000", date(2016, 3, 30))


def test_a_word_file_is_a_policy_named_by_its_folder_or_an_entry_with_a_table_of_fields(tmp_path: Path) -> None:
    policy = docx.Document()
    policy.add_heading("福建省某办法", 1)
    policy.add_paragraph("第一条 内容。")
    (tmp_path / "350000").mkdir()
    policy.save(str(tmp_path / "350000" / "福建省某办法(2016-03-30).docx"))
    own = docx.Document()
    table = own.add_table(rows=0, cols=2)
    for key, value in (("编号", "guide-a"), ("类别", "指南"), ("标题", "怎么办"), ("分类", "04")):
        cells = table.add_row().cells
        cells[0].text, cells[1].text = key, value
    own.add_heading("第一步", 2)
    own.add_paragraph("到窗口。")
    own.save(str(tmp_path / "own.docx"))
    by_kind = {entry.kind: entry for entry in _read(tmp_path).entries}
    assert by_kind[EntryKind.POLICY].valid_from == date(2016, 3, 30) and "第一条 内容。" in by_kind[EntryKind.POLICY].body
    assert by_kind[EntryKind.POLICY].region == "350000"
    assert (by_kind[EntryKind.GUIDE].id, by_kind[EntryKind.GUIDE].body) == ("guide-a", "## 第一步\n\n到窗口。")


def _bomb(path: Path, name: str, content: bytes) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr(name, content)


@pytest.mark.parametrize("suffix", ["docx", "xlsx"])
@pytest.mark.parametrize(
    ("part", "content", "code"),
    [
        ("word/document.xml", bytes(64 << 20), "LIBRARY_FILE_HOSTILE"),
        ("xl/workbook.xml", b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "LIBRARY_FILE_HOSTILE"),
        ("nothing", b"of its kind", "LIBRARY_FILE_NOT_OFFICE"),
    ],
)
def test_a_hostile_office_file_is_refused_before_it_is_opened(tmp_path: Path, suffix: str, part: str, content: bytes, code: str) -> None:
    _bomb(tmp_path / f"a.{suffix}", part, content)
    (tmp_path / f"b.{suffix}").write_bytes(b"PK\x03\x04 broken")
    assert [one.code for one in _read(tmp_path).wrong] == [code, "LIBRARY_FILE_NOT_OFFICE"]


def test_a_huge_file_is_refused_without_being_read(tmp_path: Path) -> None:
    for name in ("a.md", "b.csv", "c.docx"):
        with (tmp_path / name).open("wb") as file:
            file.truncate(1 << 30)  # a hole: no byte of it is on the disk
    assert [one.code for one in _read(tmp_path).wrong] == ["LIBRARY_FILE_TOO_LARGE"] * 3


def test_what_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_bytes(bytes(range(256)))
    with pytest.raises(Refused) as refused:
        read_text(tmp_path / "a.md")
    assert refused.value.refusal.code.name == "LIBRARY_FILE_UNREADABLE"


def test_an_imported_entry_names_its_source_and_reading_again_gives_the_same(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("---\nid: a\nkind: qa\ntitle: 题\ntopics: 04\n---\n答", encoding="utf-8")
    first, second = _read(tmp_path, imported=True).entries, _read(tmp_path, imported=True).entries
    assert first == second
    assert (first[0].provenance[0].reference, len(first[0].provenance[0].digest)) == ("a.md", 32)


def test_files_to_attach_stand_beside_the_entry_and_nowhere_else(tmp_path: Path) -> None:
    (tmp_path / "lib").mkdir()
    (tmp_path / "secret.wav").write_bytes(b"x")
    (tmp_path / "lib" / "hold.wav").write_bytes(b"sound")
    head = "---\nid: {0}\nkind: prompt\ntitle: 等待音乐\ntopics: 99\nattachments: {1}\n---\n等待音乐"
    (tmp_path / "lib" / "a.md").write_text(head.format("a", "hold.wav"), encoding="utf-8")
    (tmp_path / "lib" / "b.md").write_text(head.format("b", "../secret.wav"), encoding="utf-8")
    reading = _read(tmp_path / "lib")
    assert reading.attached == {"a": [(tmp_path / "lib" / "hold.wav").resolve()]}
    assert [(one.file, one.code) for one in reading.wrong] == [("b.md", "CLI_FILE_UNREADABLE")]


def _exported(entry: Entry) -> Exported:
    return Exported(entry, 3, 7, datetime(2026, 3, 1, tzinfo=UTC))


def test_markdown_and_tables_that_were_exported_are_read_again_as_they_were(tmp_path: Path) -> None:
    entries = [replace(one, attachments=()) for one in sample_entries()]
    for entry in entries:
        (tmp_path / f"{entry.id}.md").write_text(markdown(_exported(entry)), encoding="utf-8")
    assert sorted(_read(tmp_path).entries, key=lambda one: one.id) == sorted(entries, key=lambda one: one.id)
    (tmp_path / "t").mkdir()
    tricky = replace(entries[0], body="-1 号\n=SUM(A1)", title="+加")
    _csv(tmp_path / "t" / "t.csv", [list(COLUMNS), *(row(_exported(one)) for one in (tricky, *entries[1:]))])
    assert _read(tmp_path / "t").entries == [tricky, *entries[1:]]
    assert row(_exported(tricky))[COLUMNS.index("title")] == "'+加"


def test_pages_hold_text_and_never_markup_of_an_entry() -> None:
    entry = Entry("a", EntryKind.QA, "<script>题</script>", "# 标题\n<b>答</b>", ("04",), valid_to=date(2020, 1, 1))
    shown = page(_exported(entry), TODAY)
    assert "<script>" not in shown and "&lt;b&gt;答" in shown and "<h2>标题</h2>" in shown and "not in force" in shown
    assert 'href="a.html"' in index([_exported(entry)], 7)


def test_a_record_has_the_names_that_others_know() -> None:
    told = record(_exported(Entry("a", EntryKind.QA, "题", "答", ("04",), links=(Link(LinkKind.AMENDS, "b"),))), TODAY)
    assert (told["name"], told["description"], told["taxonomy_terms"]) == ("题", "答", [{"code": "04"}])
    assert told["links"] == [{"type": "amends", "target": "b", "since": ""}]
    assert told["in_force"] is True and told["last_modified"] == "2026-03-01T00:00:00+00:00"


OURS = "---\nid: {0}\nkind: qa\ntitle: 题\ntopics: 04\n---\n答"
HEADING = ["编号", "类别", "标题", "正文", "分类", "施行日期"]


def test_what_is_hidden_in_a_folder_is_left_alone(tmp_path: Path) -> None:
    for name in ("a.md", ".b.md", ".git/c.md", "__MACOSX/._d.md", "~$e.docx"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(OURS.format(name[-4]), encoding="utf-8")
    reading = _read(tmp_path)
    assert ([one.id for one in reading.entries], reading.wrong) == (["a"], [])


def test_a_file_that_may_hold_a_text_and_is_not_read_is_named_unless_it_is_attached(tmp_path: Path) -> None:
    (tmp_path / "z.MD").write_text(OURS.format("z").replace("topics", "attachments: form.pdf\ntopics"), encoding="utf-8")
    for name in ("form.pdf", "old.doc", "photo.jpg"):
        (tmp_path / name).write_bytes(b"x")
    reading = _read(tmp_path)
    assert [one.id for one in reading.entries] == ["z"]
    assert [(one.file, one.code) for one in reading.wrong] == [("old.doc", "LIBRARY_FILE_KIND_UNKNOWN")]
    assert [one.code for one in _read(tmp_path / "photo.jpg").wrong] == ["LIBRARY_FILE_KIND_UNKNOWN"]


def test_a_folder_without_a_file_that_is_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(b"x")
    with pytest.raises(Refused) as refused:
        readable_files(tmp_path)
    assert refused.value.refusal.code.name == "CLI_NOTHING_TO_READ"


def test_an_id_that_stands_twice_is_told_with_the_other_place(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text(OURS.format("a"), encoding="utf-8")
    (tmp_path / "b.md").write_text(OURS.format("a"), encoding="utf-8")
    _csv(tmp_path / "t.csv", [HEADING, ["b", "问答", "题", "答", "04"], ["b", "问答", "题", "答", "04"]])
    assert [one.message.rpartition(" in ")[2] for one in _read(tmp_path).wrong] == ["a.md.", "t.csv:2."]


@pytest.mark.parametrize("parting", [",", ";", "\t"])
def test_a_table_is_read_whatever_parts_its_columns(tmp_path: Path, parting: str) -> None:
    rows = [HEADING, ["a", "问答", "题, 又; 题", "答", "04", "2016-03-30"]]
    with (tmp_path / "t.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, delimiter=parting).writerows(rows)
    (entry,) = _read(tmp_path).entries
    assert (entry.title, entry.valid_from) == ("题, 又; 题", date(2016, 3, 30))


def test_a_row_is_counted_as_a_spreadsheet_counts_it(tmp_path: Path) -> None:
    _csv(tmp_path / "t.csv", [HEADING, ["a", "问答", "题", "一\n二\n三", "04"], ["b", "问答", "题", "答", "04", "昨天"]])
    assert [(one.row, one.column) for one in _read(tmp_path).wrong] == [(3, "valid_from")]


def test_two_columns_of_one_name_are_refused(tmp_path: Path) -> None:
    _csv(tmp_path / "t.csv", [[*HEADING, "标题", "备注", "备注"], ["a", "问答", "甲", "答", "04", "", "乙"]])
    (wrong,) = _read(tmp_path).wrong
    assert wrong.code == "LIBRARY_FILE_COLUMN_TWICE" and "标题" in wrong.message and "备注" not in wrong.message


@pytest.mark.parametrize("written", ["2016-03-30", "2016/3/30", "2016.3.30", "2016年3月30日"])
def test_a_day_is_read_as_spreadsheets_and_people_write_it(tmp_path: Path, written: str) -> None:
    _csv(tmp_path / "t.csv", [HEADING, ["a", "问答", "题", "答", "04", written]])
    assert _read(tmp_path).entries[0].valid_from == date(2016, 3, 30)


def test_a_text_longer_than_a_cell_comes_back_whole_from_excel(tmp_path: Path) -> None:
    long = "\n".join(f"第{number}条" for number in range(CELL_CHARS_MAX // 4))  # more than two cells
    edge = "=1\n".ljust(CELL_CHARS_MAX - 1, "长") + "\n=2\x0b"  # parted where a line ends, before what is no formula
    entries = [Entry(name, EntryKind.GUIDE, "题", body, ("04",)) for name, body in (("a", "答"), ("b", long), ("c", edge))]
    write_excel(tmp_path / "t.xlsx", sheet([_exported(one) for one in entries]))
    read = _read(tmp_path).entries
    assert [one.body for one in read] == ["答", long, edge.removesuffix("\x0b")]


def test_the_region_is_that_of_the_folder_also_where_it_is_the_one_that_is_imported(tmp_path: Path) -> None:
    folder = tmp_path / "350000"
    folder.mkdir()
    (folder / "福建省某办法(2016-03-30).md").write_text("# 福建省某办法\n\n第一条 内容。", encoding="utf-8")
    (folder / "a.md").write_text(OURS.format("a"), encoding="utf-8")
    (folder / "n.md").write_text(OURS.format("n").replace("topics", "region: 000000\ntopics"), encoding="utf-8")
    _csv(folder / "t.csv", [[*HEADING, "地区"], ["b", "问答", "题", "答", "04", "", ""], ["c", "问答", "题", "答", "04", "", "350100"]])
    for root in (tmp_path, folder):
        by_id = {one.id: one.region for one in _read(root).entries}
        policy = next(one for one in by_id if one.startswith("policy-350000-"))
        assert by_id == {policy: "350000", "a": "350000", "n": "000000", "b": "350000", "c": "350100"}
    assert _read(folder / "a.md").entries[0].region == "350000"
    (folder / "条例").mkdir()
    (folder / "条例" / "d.md").write_text(OURS.format("d"), encoding="utf-8")
    assert _read(folder / "条例").entries[0].region == "350000"


def test_a_word_text_without_a_heading_by_style_is_titled_by_its_file(tmp_path: Path) -> None:
    policy = docx.Document()
    for line in ("福建省某办法", "第一条 内容。"):
        policy.add_paragraph(line)
    table = policy.add_table(rows=1, cols=3)
    table.cell(0, 0).merge(table.cell(0, 1)).text = "合并"
    table.cell(0, 2).text = "丙"
    policy.save(str(tmp_path / "福建省某办法(2016-03-30).docx"))
    docx.Document().save(str(tmp_path / "空.docx"))
    reading = _read(tmp_path)
    assert [(one.title, one.body) for one in reading.entries] == [("福建省某办法", "第一条 内容。\n\n合并 | 丙")]
    assert [(one.file, one.code) for one in reading.wrong] == [("空.docx", "LIBRARY_BODY_MISSING")]


def test_a_formula_that_failed_is_no_text(tmp_path: Path) -> None:
    _csv(tmp_path / "t.csv", [HEADING, ["a", "问答", "#N/A", "答", "04"], ["b", "问答", "题", "#REF!", "04"]])
    assert [(one.row, one.code) for one in _read(tmp_path).wrong] == [(2, "LIBRARY_TITLE_MISSING"), (3, "LIBRARY_BODY_MISSING")]


def test_a_long_text_in_a_table_leaves_the_bounds_of_other_tables_alone(tmp_path: Path) -> None:
    usual = csv.field_size_limit()
    _csv(tmp_path / "t.csv", [HEADING, ["a", "问答", "题", "长" * (usual + 1), "04"]])
    assert len(_read(tmp_path).entries[0].body) == usual + 1
    _csv(tmp_path / "t.csv", [["no", "columns"], ["of", "ours"]])
    assert _read(tmp_path).wrong
    assert csv.field_size_limit() == usual
