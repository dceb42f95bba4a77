"""What a reviewer sees of two texts: where they differ, and enough around it."""

from __future__ import annotations

import pytest

from twelve333.cli.proposal_output import marked, show_clashes, show_sides
from twelve333.client.proposals import Clash
from twelve333.core.library.likeness import side_by_side


def test_what_the_other_text_does_not_say_stands_out() -> None:
    shown = marked("应当在三十日内申请", "应当在六十日内申请")
    assert [(span.start, span.end) for span in shown.spans] == [(3, 4)]
    assert marked("", "全文").plain == "–"


def test_of_a_long_text_only_what_differs_and_its_neighbours_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    left = tuple(f"第{i}条" for i in range(20))
    show_sides(side_by_side(left, (*left[:10], "改过", *left[11:])), ("one", "other"), "title")
    out = capsys.readouterr().out
    assert all(line in out for line in ("第9条", "改过", "第11条"))
    assert "第7条" not in out and "第13条" not in out


def test_a_clash_is_shown_whole_with_both_texts(capsys: pytest.CaptureFixture[str]) -> None:
    show_clashes([Clash("body", "甲" * 200, "乙" * 200, "丙" * 200)])
    out = capsys.readouterr().out
    assert [out.count(word) for word in "甲乙丙"] == [200, 200, 200]
