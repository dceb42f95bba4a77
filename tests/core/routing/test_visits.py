"""The list of units visited ends loops by identity: nobody can forge, move, change or leave out a visit of another."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twelve333.core.decision import Refusal
from twelve333.core.routing import codes
from twelve333.core.routing.model import HOPS_MAX, Call
from twelve333.core.routing.offers import Offer
from twelve333.core.routing.visits import Visit, Visits, check_visits, onward
from twelve333.testing.directory import a_unit

NOW = datetime(2014, 1, 24, 8, 0, tzinfo=UTC)
LINE = ("360400", "350100", "320100", "310000", "230200")
UNITS = {code: a_unit(code) for code in (*LINE, "110000")}


def key(member: str) -> bytes:
    return f"key of {member}".encode()


def sign(member: str, words: bytes) -> bytes:
    return hmac.digest(key(member), words, hashlib.sha256)


def proved(visit: Visit, words: bytes) -> bool:
    return hmac.compare_digest(visit.signature, sign(visit.member, words))


def line(*units: str, to: str = "110000") -> Visits:
    visits: Visits | None = None
    for number, unit in enumerate(units):
        here = Visit(unit, UNITS[unit].member, (*units, to)[number + 1], NOW + timedelta(minutes=number))
        visits = onward(visits, "h1", here, lambda words, here=here: (sign(here.member, words), ()))  # type: ignore[misc]
    assert visits is not None
    return visits


def offer(visited: Sequence[str], unit: str = "110000", from_unit: str = "") -> Offer:
    last = from_unit or visited[-1]
    return Offer(f"h9.{unit}", Call("h9", unit, visited=tuple(visited)), last, UNITS[last].member, unit, NOW)


def code(visits: Visits | None, asked: Offer) -> object:
    refusal = check_visits(asked, visits, UNITS, proved)
    assert refusal is None or isinstance(refusal, Refusal)
    return refusal and refusal.code


@pytest.mark.parametrize("hops", range(1, HOPS_MAX + 1))
def test_a_list_that_everybody_signed_holds(hops: int) -> None:
    assert code(line(*LINE[:hops]), offer(LINE[:hops])) is None


def test_a_unit_that_had_the_call_refuses_it() -> None:
    assert code(line(*LINE[:3], to=LINE[0]), offer(LINE[:3], unit=LINE[0])) is codes.LOOP


@given(
    st.integers(0, 2), st.sampled_from(["unit", "member", "at", "signature", "left out", "left out and bent", "moved", "first_id", "added"])
)
def test_whatever_is_changed_in_what_others_signed_is_found(number: int, what: str) -> None:
    good = line(*LINE[:4])
    hops = list(good.hops)
    first_id = good.first_id
    match what:
        case "unit":
            hops[number] = replace(hops[number], unit="110000")
        case "member":
            hops[number] = replace(hops[number], member="110000")
        case "to":
            hops[number] = replace(hops[number], to="110000")
        case "at":
            hops[number] = replace(hops[number], at=NOW - timedelta(days=1))
        case "signature":
            hops[number] = replace(hops[number], signature=hops[number - 1].signature)
        case "left out":
            del hops[number]
        case "left out and bent" if number:
            hops[number - 1] = replace(hops[number - 1], to=hops[number + 1].unit)
            del hops[number]
        case "moved":
            hops[number], hops[(number + 1) % 3] = hops[(number + 1) % 3], hops[number]
        case "first_id":
            first_id = "other"
        case _:
            hops.insert(number, Visit("110000", "110000", hops[number].unit, NOW, sign("110000", b"")))
    forged = Visits(first_id, tuple(hops))
    # The last one signs anew whatever it made of the others' visits: it holds its own key.
    last = forged.hops[-1]
    forged = onward(Visits(first_id, forged.hops[:-1]), first_id, last, lambda words: (sign(last.member, words), ()))
    assert code(forged, offer(forged.units)) is codes.VISITED_FORGED


def test_nobody_offers_under_anothers_visit() -> None:
    shortened = line(*LINE[:2])
    assert code(shortened, offer(LINE[:2], unit="230200")) is codes.VISITED_FORGED, "it was offered to another"
    assert code(shortened, offer(LINE[:2], from_unit=LINE[2])) is codes.VISITED_FORGED


def test_what_is_said_in_the_call_is_what_was_signed() -> None:
    assert code(line(*LINE[:2]), offer((LINE[1],))) is codes.VISITED_FORGED
    assert code(Visits("h1", ()), offer((), from_unit=LINE[0])) is codes.VISITED_FORGED


def test_without_a_list_a_member_is_believed_of_its_own_visit_only() -> None:
    assert code(None, offer(LINE[:1])) is None
    assert code(None, offer(LINE[:2])) is codes.VISITED_UNPROVED


def test_a_call_that_has_been_to_too_many_is_refused_before_any_signature_is_looked_at() -> None:
    assert check_visits(offer(["110000"] * (HOPS_MAX + 1)), None, UNITS, proved) is not None
    assert code(None, offer(["110000"] * (HOPS_MAX + 1))) is codes.HOPS_TOO_MANY
