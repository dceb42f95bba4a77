"""With whom a test call is made, and what it is answered: the declared address, whatever the hour, the state and the seats."""

from __future__ import annotations

from datetime import UTC, datetime

from twelve333.core.coverage.model import Hours
from twelve333.core.decision import Decision, Refusal
from twelve333.core.registration.model import UnitStatus
from twelve333.core.routing import codes
from twelve333.core.routing.model import Call
from twelve333.core.routing.offers import Offer
from twelve333.core.routing.test_calls import PARTNERS_MAX, answer, partners
from twelve333.testing.directory import a_declaration, a_snapshot, a_unit

FUZHOU = a_unit("350100", status=UnitStatus.REGISTERED)
OTHERS = [a_unit(code) for code in ("320000", "320100", "360000", "110000", "440000", "450000")]


def nobody(_member: str) -> bool:
    return False


def offered(unit: str, from_unit: str = "320000") -> Offer:
    return Offer(f"test-1.{unit}", Call("test-1", unit), from_unit, "320000", unit, datetime(2026, 1, 1, tzinfo=UTC))


def test_partners_are_open_units_of_other_members_one_a_member_beginning_after_ones_own_code() -> None:
    snapshot = a_snapshot([FUZHOU, a_unit("350000"), *OTHERS, a_unit("370000", status=UnitStatus.SUSPENDED)])
    assert [unit.code for unit in partners(snapshot, FUZHOU, nobody)] == ["360000", "440000", "450000"]
    assert [unit.code for unit in partners(snapshot, FUZHOU, {"360000", "450000"}.__contains__)] == ["440000", "110000", "320000"]
    assert len(partners(snapshot, FUZHOU, nobody)) == PARTNERS_MAX
    assert partners(a_snapshot([FUZHOU, a_unit("350000")]), FUZHOU, nobody) == []


def test_a_test_call_is_given_the_declared_address_before_the_unit_is_open_out_of_hours_and_without_seats() -> None:
    closed = a_declaration("350100", hours=Hours(), seats=0)
    assert answer(offered("350100"), a_snapshot([FUZHOU], [closed]), "350000") == Decision(closed.target)


def test_a_test_call_for_somebody_else_or_nobody_is_refused() -> None:
    snapshot = a_snapshot([FUZHOU, *OTHERS], [])
    for offer, code in (
        (offered("350100"), codes.UNIT_CANNOT_ANSWER),
        (offered("320000"), codes.UNIT_NOT_SERVED_HERE),
        (offered("990000"), codes.UNIT_NOT_SERVED_HERE),
        (offered("350100", "350100"), codes.LOOP),
    ):
        refusal = answer(offer, snapshot, "350000")
        assert isinstance(refusal, Refusal) and refusal.code is code
