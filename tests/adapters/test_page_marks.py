"""What was found is marked on the page as one reads it."""

from __future__ import annotations

import pytest

from twelve333.adapters.page.shown import marks


@pytest.mark.parametrize(
    ("text", "words", "shown"),
    [
        ("加班费按几倍算", ("加班", "班费"), "<mark>加班费</mark>按几倍算"),
        ("工伤<b>工伤保险", ("工伤", "工伤保险"), "<mark>工伤</mark>&lt;b&gt;<mark>工伤保险</mark>"),
        ("ＷＴＯ规则", ("wto", ""), "<mark>ＷＴＯ</mark>规则"),
        ("没有", ("工伤",), "没有"),
    ],
)
def test_words_that_overlap_are_one_mark_and_a_text_is_never_markup(text: str, words: tuple[str, ...], shown: str) -> None:
    assert marks(text, words) == shown
