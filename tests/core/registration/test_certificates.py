"""Which keys of a member count: one at a time, none once revoked."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twelve333.core.decision import Decision, Refusal
from twelve333.core.registration import codes
from twelve333.core.registration.certificates import LISTED_BEYOND, is_revoked, listed, renew, revoke, supersede
from twelve333.core.registration.messages import KeyRevoked
from twelve333.core.registration.model import Certificate, Member

NOW = datetime(2026, 3, 30, 9, tzinfo=UTC)
MEMBER = Member("320000", "10.0.0.1:7443", "key-1", NOW)


def certificate(serial: str, key: str = "key-1", days: int = 30, revoked_at: datetime | None = None) -> Certificate:
    return Certificate(serial, "320000", key, NOW, NOW + timedelta(days=days), revoked_at, "stolen" if revoked_at else "")


def test_revoking_a_member_ends_every_certificate_of_every_key_it_holds() -> None:
    held = [certificate("a"), certificate("b"), certificate("c", "key-2"), certificate("d", "key-0", revoked_at=NOW)]
    decision = revoke(MEMBER, held, "320000", "stolen", NOW)
    assert isinstance(decision, Decision)
    assert [each.serial for each in decision.state] == ["a", "b", "c"]
    assert all(each.revoked_at == NOW and each.reason == "stolen" for each in decision.state)
    assert decision.events == (KeyRevoked("320000", "key-1"), KeyRevoked("320000", "key-2"))


def test_revoking_twice_changes_nothing() -> None:
    once = revoke(MEMBER, [certificate("a")], "320000", "stolen", NOW)
    assert isinstance(once, Decision)
    assert revoke(MEMBER, once.state, "320000", "again", NOW) == Decision([])


@pytest.mark.parametrize(
    ("member", "reason", "code"),
    [(None, "stolen", codes.MEMBER_UNKNOWN), (MEMBER, " ", codes.REASON_MISSING), (MEMBER, "x" * 201, codes.REASON_MISSING)],
)
def test_a_revocation_names_a_member_and_a_reason(member: Member | None, reason: str, code: object) -> None:
    refusal = revoke(member, [], "320000", reason, NOW)
    assert isinstance(refusal, Refusal) and refusal.code is code


def test_a_member_that_comes_with_another_key_leaves_the_one_before_behind() -> None:
    decision = supersede([certificate("a")], "key-2", NOW)
    assert isinstance(decision, Decision)
    assert [(each.serial, each.reason) for each in decision.state] == [("a", "superseded")]
    assert supersede([certificate("a")], "key-1", NOW) == Decision([])


def test_a_revoked_key_never_counts_again() -> None:
    refusal = supersede([certificate("a", revoked_at=NOW), certificate("b")], "key-1", NOW)
    assert isinstance(refusal, Refusal) and refusal.code is codes.KEY_REVOKED


def test_a_member_renews_for_the_key_it_joined_with_and_for_no_other() -> None:
    held = [certificate("a"), certificate("b", "key-2", revoked_at=NOW)]
    assert renew(MEMBER, held, "320000", "key-1") is None
    refusals = [renew(None, [], "320000", "key-1"), renew(MEMBER, held, "320000", "key-2"), renew(MEMBER, held, "320000", "key-3")]
    assert [refusal and refusal.code for refusal in refusals] == [codes.MEMBER_UNKNOWN, codes.KEY_REVOKED, codes.KEY_NOT_YOURS]


@given(
    st.lists(st.tuples(st.sampled_from(["key-1", "key-2", "key-3"]), st.integers(0, 90), st.booleans()), max_size=12), st.integers(0, 100)
)
def test_the_directory_lists_each_revoked_key_once_and_as_long_as_it_could_be_taken_for_good(
    made: list[tuple[str, int, bool]], days: int
) -> None:
    held = [certificate(str(number), key, days, NOW if ended else None) for number, (key, days, ended) in enumerate(made)]
    revoked, now = [each for each in held if each.revoked_at], NOW + timedelta(days=days)
    told = listed(revoked, now)
    assert len({each.key_fingerprint for each in told}) == len(told)
    needed = {each.key_fingerprint for each in revoked if now < each.not_after + LISTED_BEYOND}
    assert {each.key_fingerprint for each in told} == needed
    assert all(is_revoked(held, key) for key in needed)
