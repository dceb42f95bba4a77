"""What a hub takes from a directory that it had signed after its backup: what was lost, and nothing that is newer here."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from twelve333.core.registration.certificates import is_revoked, listed
from twelve333.core.registration.model import Certificate
from twelve333.core.registration.recovery import ListedKey, certificates_after, lost

NOW = datetime(2026, 3, 2, tzinfo=UTC)
registers = st.dictionaries(st.sampled_from("abcd"), st.integers(0, 3))


@given(registers, registers, registers)
def test_what_was_changed_here_since_the_restore_stays_and_the_rest_is_as_it_was_later(
    before: dict[str, int], ours: dict[str, int], later: dict[str, int]
) -> None:
    after = {**ours, **lost(before, ours, later)}
    for name in {*before, *ours, *later}:
        if ours.get(name) != before.get(name):
            assert after.get(name) == ours.get(name), "changed here"
        elif name in later:
            assert after[name] == later[name], "lost"


@given(registers, registers, registers)
def test_the_same_directory_again_brings_nothing(before: dict[str, int], ours: dict[str, int], later: dict[str, int]) -> None:
    after = {**ours, **lost(before, ours, later)}
    assert lost(later, after, later) == {}


def test_a_key_that_the_hub_has_forgotten_can_be_revoked_and_stays_listed_until_its_last_certificate_has_ended() -> None:
    ends = NOW + timedelta(days=90)
    held = certificates_after({}, ListedKey("350000", "ab" * 32, ends), NOW)
    assert [each.not_after for each in held.values()] == [ends]
    assert certificates_after(held, ListedKey("350000", "ab" * 32, ends), NOW) == {}
    revoked = certificates_after(held, ListedKey("350000", "ab" * 32, ends, NOW), NOW)
    assert is_revoked(list(revoked.values()), "ab" * 32)
    assert len(listed(list(revoked.values()), ends)) == 1


def test_a_revocation_that_comes_back_ends_every_certificate_of_the_key_and_no_other() -> None:
    known = Certificate("1", "350000", "ab" * 32, NOW, NOW + timedelta(days=9))
    other = Certificate("2", "350000", "cd" * 32, NOW, NOW + timedelta(days=9))
    after = certificates_after({"1": known, "2": other}, ListedKey("350000", "ab" * 32, NOW + timedelta(days=30), NOW), NOW)
    assert all(each.revoked_at == NOW for each in after.values())
    assert "1" in after and "2" not in after
