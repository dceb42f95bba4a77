"""Who may join, or enter a unit."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from twelve333.core.decision import Decision, Refusal
from twelve333.core.ids import HUB
from twelve333.core.registration import codes
from twelve333.core.registration.messages import Join, RegisterUnit
from twelve333.core.registration.model import JoinToken, Level, Unit, UnitStatus
from twelve333.core.registration.rules import Joined, admit, register

NOW = datetime(2026, 3, 30, 9, tzinfo=UTC)
TOKEN = JoinToken("0" * 64, "320000", NOW + timedelta(hours=24))
JOIN = Join("320000", "10.0.0.1:7443", "key-1")
PROVINCES = {"320000", "350000"}


def joined(token: JoinToken | None, command: Join = JOIN, now: datetime = NOW) -> Decision[Joined] | Refusal:
    return admit(token, PROVINCES, command, now)


def test_a_token_is_good_once_and_a_repeat_with_the_same_key_is_the_same_request() -> None:
    first = joined(TOKEN)
    assert isinstance(first, Decision)
    again = joined(first.state.token, now=NOW + timedelta(days=2))
    assert isinstance(again, Decision) and again.state.member.name == "320000"


@pytest.mark.parametrize(
    ("token", "command", "now", "code"),
    [
        (None, JOIN, NOW, codes.TOKEN_UNKNOWN),
        (TOKEN, Join("350000", "10.0.0.1:1", "key-1"), NOW, codes.TOKEN_OTHER_PROVINCE),
        (TOKEN, Join("990000", "10.0.0.1:1", "key-1"), NOW, codes.PROVINCE_UNKNOWN),
        (TOKEN, JOIN, TOKEN.expires_at, codes.TOKEN_EXPIRED),
        (JoinToken("0" * 64, "320000", TOKEN.expires_at, "key-2"), JOIN, NOW, codes.TOKEN_USED),
        (TOKEN, Join("320000", "no port", "key-1"), NOW, codes.ENDPOINT_MALFORMED),
    ],
)
def test_a_token_is_refused_with_the_reason(token: JoinToken | None, command: Join, now: datetime, code: object) -> None:
    refusal = joined(token, command, now)
    assert isinstance(refusal, Refusal) and refusal.code is code


def enter(code: str, caller: str, status: UnitStatus | None = None, known: Unit | None = None) -> Decision[Unit] | Refusal:
    return register(known, caller, RegisterUnit(code, "某市", Level.PREFECTURE, False, status, declares=True))


def test_a_province_enters_only_its_own_units() -> None:
    assert isinstance(enter("350100", "350000"), Decision)
    refusal = enter("320100", "350000")
    assert isinstance(refusal, Refusal) and refusal.code is codes.UNIT_NOT_YOURS


def test_only_the_ministry_takes_over_a_register_with_its_states() -> None:
    refusal = enter("350100", "350000", UnitStatus.OPEN)
    assert isinstance(refusal, Refusal) and refusal.code is codes.STATUS_NOT_YOURS
    entered = enter("350100", HUB, UnitStatus.OPEN)
    assert isinstance(entered, Decision) and entered.state.status is UnitStatus.OPEN


def test_entering_a_unit_again_unchanged_tells_nobody() -> None:
    entered = enter("350100", "350000")
    assert isinstance(entered, Decision) and entered.events
    again = enter("350100", "350000", known=entered.state)
    assert again == Decision(entered.state)
