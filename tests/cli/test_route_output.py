"""How a route looks to people and programs: what is kept for priority calls is said where it decided, in both languages."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.core.routing.strategies import NOW
from twelve333.cli.route import route_values, show_route
from twelve333.core.routing.model import Call, Gap, Route, State
from twelve333.core.routing.replay import observed
from twelve333.core.routing.rules import decide
from twelve333.testing.directory import a_snapshot, a_unit


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("twelve333.cli.output.console._width", 220)


def _route(priority: int, *, reserve: bool) -> Route:
    state = State(gapped={"350100": Gap(NOW + timedelta(seconds=5), reserve)})
    route = decide(a_snapshot([a_unit("350100"), a_unit("350000")]), state, Call("1", "350100", priority=priority), NOW)
    return route._replace(observed=observed(state, route))


@pytest.mark.parametrize(
    ("priority", "reserve", "words", "chinese"),
    [
        (0, True, "admits for the moment only priority calls from here", "暂只接纳本地的优先来电"),
        (1, True, "takes the call, within what it keeps for priority calls", "使用为优先来电预留的份额"),
        (1, False, "admits no more calls from here for the moment", "暂不再接纳本地来电"),
    ],
)
def test_an_explanation_says_where_the_reserve_decided(
    capsys: pytest.CaptureFixture[str], priority: int, reserve: bool, words: str, chinese: str
) -> None:
    route = _route(priority, reserve=reserve)
    show_route(route, "en")
    english = capsys.readouterr().out
    assert words in english
    assert ("keeps for priority calls has room" in english) is reserve
    show_route(route, "zh")
    assert chinese in capsys.readouterr().out
    first = route_values(route, "en")["candidates"][0]
    assert (first["reserved"], first["reserve_free"]) == (reserve, reserve)
