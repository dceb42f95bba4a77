"""Whose certificate counts among operators, desktops and business systems."""

from __future__ import annotations

from datetime import UTC, datetime

from twelve333.core.decision import Code, Decision, Refusal, accepted
from twelve333.core.identity import Caller, Role
from twelve333.core.registration import codes
from twelve333.core.registration.holders import Holder, admits, certify, end

NOW = datetime(2026, 1, 5, 9, tzinfo=UTC)
ASKER = Caller(Role.OPERATOR, "hub", "li")
ONE, OTHER = "1" * 64, "2" * 64


def code_of(answer: Decision[Holder] | Refusal) -> Code:
    assert isinstance(answer, Refusal)
    return answer.code


def certified(key: str = ONE) -> Holder:
    return accepted(certify(None, ASKER, Role.OPERATOR, "wang", key, NOW)).state


def ended(holder: Holder | None) -> Holder:
    return accepted(end(holder, ASKER, Role.OPERATOR, "wang", "has left", NOW)).state


def test_a_name_about_which_nothing_was_decided_counts_with_any_key() -> None:
    assert admits(None, ONE)


def test_a_certified_name_counts_with_its_key_only() -> None:
    assert admits(certified(), ONE)
    assert not admits(certified(), OTHER)


def test_an_ended_name_counts_with_no_key_also_if_it_was_never_certified_here() -> None:
    for holder in (ended(certified()), ended(None)):
        assert not admits(holder, ONE)
        assert not admits(holder, OTHER)
        assert accepted(end(holder, ASKER, Role.OPERATOR, "wang", "again", NOW)).state == holder


def test_an_ended_name_comes_back_with_another_key_only() -> None:
    gone = ended(certified())
    assert code_of(certify(gone, ASKER, Role.OPERATOR, "wang", ONE, NOW)) is codes.HOLDER_KEY_REVOKED
    back = accepted(certify(gone, ASKER, Role.OPERATOR, "wang", OTHER, NOW)).state
    assert admits(back, OTHER)
    assert not admits(back, ONE)


def test_a_key_is_not_replaced_while_it_counts_and_the_same_one_again_changes_nothing() -> None:
    assert code_of(certify(certified(), ASKER, Role.OPERATOR, "wang", OTHER, NOW)) is codes.HOLDER_EXISTS
    assert accepted(certify(certified(), ASKER, Role.OPERATOR, "wang", ONE, NOW)) == Decision(certified())


def test_nobody_ends_or_replaces_themselves_but_a_desk_of_the_same_name_is_another() -> None:
    assert code_of(end(None, ASKER, Role.OPERATOR, "li", "x", NOW)) is codes.HOLDER_SELF
    assert code_of(certify(None, ASKER, Role.OPERATOR, "li", ONE, NOW)) is codes.HOLDER_SELF
    assert isinstance(end(None, ASKER, Role.DESK, "li", "x", NOW), Decision)


def test_a_reason_and_a_well_formed_name_are_needed() -> None:
    assert code_of(end(None, ASKER, Role.OPERATOR, "wang", " ", NOW)) is codes.REASON_MISSING
    for name in ("", "Wang", "王", "a" * 65):
        assert isinstance(end(None, ASKER, Role.OPERATOR, name, "x", NOW), Refusal)
        assert isinstance(certify(None, ASKER, Role.OPERATOR, name, ONE, NOW), Refusal)
