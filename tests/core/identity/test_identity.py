"""SPIFFE URIs: six forms, nothing that merely looks like one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twelve333.core import identity
from twelve333.core.decision import Refusal
from twelve333.core.identity import Identity, Role, parse_identity

FORMS = {
    "spiffe://federation.12333/hub": (Role.HUB, "hub", ""),
    "spiffe://federation.12333/province/350000": (Role.NODE, "350000", ""),
    "spiffe://federation.12333/operator/li.wei": (Role.OPERATOR, "hub", "li.wei"),
    "spiffe://350000.12333/node": (Role.NODE, "350000", ""),
    "spiffe://350000.12333/desk/seat-7": (Role.DESK, "350000", "seat-7"),
    "spiffe://350000.12333/operator/chen": (Role.LOCAL_OPERATOR, "350000", "chen"),
}


@pytest.mark.parametrize(("uri", "expected"), FORMS.items())
def test_each_form_is_read_and_written_back(uri: str, expected: tuple[Role, str, str]) -> None:
    found = parse_identity(uri)
    assert isinstance(found, Identity)
    assert (found.caller.role, found.caller.member, found.caller.name) == expected
    assert found.uri == uri


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "spiffe://federation.12333/hub/",
        "spiffe://federation.12333/hub/x",
        "spiffe://federation.12333/province/35010",
        "spiffe://federation.12333/province/hub",
        "spiffe://federation.12333/desk/a",
        "spiffe://federation.12333/operator/",
        "spiffe://350000.12333/hub",
        "spiffe://350000.12333/province/350000",
        "spiffe://35010.12333/desk/a",
        "spiffe://350000.12333.evil/desk/a",
        "spiffe://350000.12333/desk/a/b",
        "spiffe://350000.12333/desk/A",
        "SPIFFE://federation.12333/hub",
        "spiffe://federation.12333/hub\n",
        "https://federation.12333/hub",
    ],
)
def test_anything_else_is_refused(uri: str) -> None:
    found = parse_identity(uri)
    assert isinstance(found, Refusal)
    assert found.code == identity.IDENTITY_MALFORMED


@given(st.text(max_size=80))
def test_no_text_is_read_as_something_it_does_not_say(text: str) -> None:
    found = parse_identity(text)
    assert isinstance(found, Refusal) or found.uri == text


@given(st.from_regex(r"[a-z0-9][a-z0-9_.-]{0,63}", fullmatch=True))
def test_every_usable_name_survives_the_round_trip(name: str) -> None:
    assert identity.check_name(name) is None
    for made in (
        identity.operator_identity(name),
        identity.desk_identity("350000", name),
        identity.local_operator_identity("350000", name),
    ):
        assert parse_identity(made.uri) == made
