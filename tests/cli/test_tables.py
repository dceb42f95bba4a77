"""What people read: a table where it fits, no torn words where it does not, times as they are on the wall."""

from __future__ import annotations

import io
from datetime import UTC, datetime

import pytest
from rich.console import Console

from twelve333.cli.tables import RECORDS_MAX, cell, table_of

SHA256 = "34255fa5921e803c5e204af819cc9b1e743dfdf86eda224b30d461231970ec34"


def printed(rows: list[dict[str, object]], width: int) -> str:
    """What is seen in a window of `width` columns."""
    out = io.StringIO()
    console = Console(file=out, width=width, highlight=False)
    for table in table_of(rows, list(rows[0]), width):
        console.print(table)
    return out.getvalue()


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_words_are_whole_in_every_window(width: int) -> None:
    row = {"unit": "230200", "waits_for": "ministry", "asked_by": "230000/operator", "next_command": "twelve333 unit approve"}
    seen = printed([row], width)
    for word in ("230200", "ministry", "230000/operator", "approve", "waits for" if width > 60 else "waits"):
        assert word in seen
    assert max(map(len, seen.splitlines())) <= width


def test_what_fits_in_no_window_as_a_table_is_a_record_for_each_row() -> None:
    rows: list[dict[str, object]] = [{"id": "a" * 30, "target": "b" * 30, "reason": None}]
    assert "reason" not in printed(rows, 50) and "│ id     │" in printed(rows, 50)
    assert "reason" in printed(rows, 100)


def test_hundreds_of_rows_stay_a_table() -> None:
    rows: list[dict[str, object]] = [{"id": "a" * 30, "target": "b" * 30}] * (RECORDS_MAX + 1)
    assert printed(rows, 50).count("a" * 30) == RECORDS_MAX + 1
    assert printed(rows, 20)


def test_hundreds_of_rows_show_the_columns_that_fit_with_whole_words_and_say_that_there_are_more() -> None:
    row: dict[str, object] = {"code": "230200", "name": "黑龙江省", "province": "230000", "status": "suspended"}
    head, _, first, *_ = printed([row] * (RECORDS_MAX + 1), 30).splitlines()
    assert head.split() == ["code", "name", "province", "…"] and "230200" in first and "230000" in first
    assert "suspended" in printed([row] * (RECORDS_MAX + 1), 60)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (True, "yes"),
        (datetime(2026, 11, 27, 5, 43, 11, 715, UTC), "2026-11-27 13:43:11"),
        ("step 2026-11-27T05:43:47.778+00:00", "step 2026-11-27 13:43:47.778"),
        ("2026-11-27 18:00:00+00:00", "2026-11-28 02:00:00"),
        ("2027-09-01", "2027-09-01"),
        (SHA256, SHA256),
        (["a", "b"], "a, b"),
        ([{"name": "hold.wav", "size": 3, "by": ""}, {"name": "[b]"}], r"name hold.wav, size 3; name \[b]"),
        ({}, "–"),
    ],
)
def test_a_value_is_told_as_people_say_it(value: object, text: str) -> None:
    assert cell(value) == text
