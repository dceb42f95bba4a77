"""How a call looks to a consultant: what is to be done now, with the command, and nothing that is over."""

from __future__ import annotations

import pytest

from tests.core.routing.strategies import NOW
from twelve333.cli.common import Common
from twelve333.cli.handoff import show_view
from twelve333.client.handoffs import HandoffView
from twelve333.core.routing.handoff import Handoff, HandoffState, Step
from twelve333.core.routing.model import Call, LastResort, LastResortKind

S = HandoffState
TARGET = "sip:12333@fuzhou.example"


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("twelve333.cli.output.console._width", 220)


def seen(capsys: pytest.CaptureFixture[str], state: HandoffState, last: LastResort | None = None, *, incoming: bool = False) -> str:
    """What is printed of a call whose first step is known and that stands so now."""
    first = Step(1, S.ACCEPTED, "350100", "", NOW)
    handoff = Handoff(Call("h1", "350100"), "360400", state, "350100", "350000", target=TARGET, last_resort=last, steps=(first,))
    show_view(HandoffView(handoff, {}, incoming), Common(locale="en"))
    return capsys.readouterr().out


def test_only_a_call_that_waits_for_it_is_to_be_put_through_and_by_who_has_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert f"Put the call through to {TARGET}." in seen(capsys, S.ACCEPTED)
    assert f"Unit 360400 puts the caller through to {TARGET}." in seen(capsys, S.ACCEPTED, incoming=True)
    for over in (S.CONNECTED, S.CONFERENCE, S.RETURNED, S.COMPLETED):
        assert TARGET not in seen(capsys, over), over


def test_a_call_that_came_in_is_shown_as_it_ended(capsys: pytest.CaptureFixture[str]) -> None:
    assert "came back from 350100" in seen(capsys, S.RETURNED, incoming=True)
    assert "completed by 350100" in seen(capsys, S.COMPLETED, incoming=True)


@pytest.mark.parametrize(
    ("kind", "command"),
    [
        (LastResortKind.VOICEMAIL, "twelve333 callback message h1 --recording"),
        (LastResortKind.CALLBACK, "twelve333 callback ask h1 --number-file"),
        (LastResortKind.CASE, "twelve333 callback case h1"),
    ],
)
def test_where_nobody_took_it_the_command_for_what_is_left_is_told_until_it_is_done(
    capsys: pytest.CaptureFixture[str], kind: LastResortKind, command: str
) -> None:
    last = LastResort(kind, "350100")
    assert command in seen(capsys, S.LAST_RESORT, last)
    assert "twelve333 callback" not in seen(capsys, S.SETTLED, last)
