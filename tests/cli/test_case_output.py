"""How cases look to people and programs: both languages, marked deadlines, no words of a caller in listings, none read as markup."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.core.cases.builders import Desk, answered, closed, offered, opening, refusal_of
from twelve333.adapters.clock import system_clock
from twelve333.cli.case_output import show_case, show_cases
from twelve333.cli.common import Common
from twelve333.client.cases import CasePage
from twelve333.core.cases.model import Case
from twelve333.core.worktime.model import Due


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("twelve333.cli.output.console._width", 220)


def _case(desk: Desk) -> Case:
    assert desk.case
    return desk.case


def test_a_case_is_shown_with_its_signed_history_in_both_languages(capsys: pytest.CaptureFixture[str]) -> None:
    show_case(_case(closed()), Common(locale="en"))
    english = capsys.readouterr().out
    assert all(words in english for words in ("asked first", "offered to 310000", "paid on Friday", "clerk-310000", "2026-03-02 10:01"))
    show_case(_case(closed()), Common(locale="zh"))
    chinese = capsys.readouterr().out
    assert all(words in chinese for words in ("首问单位", "转办 310000", "签收", "告知来电人", "办结"))


def test_a_listing_marks_deadlines_and_holds_nobodys_words(capsys: pytest.CaptureFixture[str]) -> None:
    now = system_clock()
    case = replace(_case(offered()), caller_due=Due(now - timedelta(hours=1), False), owner_due=Due(now + timedelta(hours=1), True))
    show_cases(CasePage((case,), "", 1), Common(locale="en"))
    text = capsys.readouterr().out
    assert text.count("(overdue)") == 1
    assert text.count("(provisional)") == 1
    assert "wages" not in text
    show_cases(CasePage((case,), "", 1), Common(json=True))
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["caller_overdue"], row["owner_overdue"], row["owner_due"]["provisional"]) == (True, False, True)
    assert "summary" not in row


def test_json_of_a_case_holds_every_step(capsys: pytest.CaptureFixture[str]) -> None:
    desk = offered()
    desk.done(refusal_of(reason="not ours"))
    show_case(_case(desk), Common(json=True))
    shown = json.loads(capsys.readouterr().out)
    assert [step["step"] for step in shown["history"]] == ["opened", "offered", "refused"]
    assert (shown["history"][1]["to_unit"], shown["history"][2]["reason"]) == ("310000", "not ours")


def test_what_a_caller_says_is_never_read_as_markup(capsys: pytest.CaptureFixture[str]) -> None:
    desk = Desk()
    desk.done(opening(summary="[bold]wages[/nonsense]"))
    show_case(_case(desk), Common(locale="en"))
    assert "[bold]wages[/nonsense]" in capsys.readouterr().out


def test_an_empty_listing_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    show_cases(CasePage((), "", 0), Common(locale="en"))
    assert "No case matches." in capsys.readouterr().out
    assert _case(answered()).answer
