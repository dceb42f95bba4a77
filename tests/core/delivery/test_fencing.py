"""Two copies of one member: who holds the lease, whose words are refused, and how two tell-tale events betray them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twelve333.core.decision import Refusal
from twelve333.core.delivery.codes import FENCE_OLD, FENCED, FORKED
from twelve333.core.delivery.fencing import digest_of
from twelve333.core.delivery.leases import LEASE, RENEW, Claim, Copy, Granted, Lease, Waits, claim
from twelve333.core.delivery.model import Envelope, InboxFacts
from twelve333.core.delivery.rules import Apply, Duplicate, admit

NOW = datetime(2026, 1, 5, tzinfo=UTC)
FACTS = InboxFacts(member="310000", sender="320000", epoch=7, watermark=4, known_event=True)
HELD = Lease("320000", "first", 10, NOW, "b1")


def _envelope(sequence: int = 4, payload: bytes = b"said", fence: int = 0) -> Envelope:
    return Envelope("320000", "310000", 7, sequence, f"e{sequence}", "cases", "twelve333.api.cases.v1.X", NOW, payload, fence=fence)


def _code(outcome: object) -> object:
    assert isinstance(outcome, Refusal), outcome
    return outcome.code


def _held(outcome: object) -> Lease:
    assert isinstance(outcome, Granted), outcome
    return outcome.lease


def test_the_same_event_again_is_a_duplicate_and_another_one_under_its_number_a_fork() -> None:
    had = replace(FACTS, known_digest=digest_of(_envelope()))
    assert admit(had, _envelope()) == Duplicate(7, 4)
    assert _code(admit(had, _envelope(payload=b"something else"))) == FORKED
    assert _code(admit(replace(FACTS, known_event=False), _envelope())) == FORKED
    assert _code(admit(had, _envelope(5, b"something else"))) == FORKED, "a known id under the next number"


def test_what_was_kept_without_a_digest_or_never_opened_is_no_fork() -> None:
    assert admit(FACTS, _envelope()) == Duplicate(7, 4)
    sealed = replace(_envelope(payload=b"other bytes each time"), sealed=True)
    assert admit(replace(FACTS, known_digest=b"x" * 16), sealed) == Duplicate(7, 4)


def test_a_superseded_copy_is_refused_and_an_older_program_is_not() -> None:
    facts = replace(FACTS, fence=9, known_event=False)
    assert _code(admit(facts, _envelope(5, fence=8))) == FENCE_OLD
    for fence in (9, 10, 0):
        assert admit(facts, _envelope(5, fence=fence)) == Apply(7, 5)


def test_the_first_copy_gets_the_lease_and_renews_it_under_the_same_fence() -> None:
    first = _held(claim(None, Claim("320000", "first", 9, beat="b1"), NOW))
    assert (first.fence, first.instance) == (10, "first")
    later = NOW + RENEW
    assert claim(first, Claim("320000", "first", 10, beat="b2", before="b1"), later) == Granted(replace(first, renewed_at=later, beat="b2"))


def test_a_copy_beside_a_living_one_waits_and_is_then_refused() -> None:
    copy = Claim("320000", "second", 10)
    waits = claim(HELD, copy, NOW + timedelta(seconds=1))
    assert isinstance(waits, Waits)
    lease = waits.lease
    for seconds in (2, 4):  # the holder is heard twice more
        lease = _held(claim(lease, Claim("320000", "first", 10, beat=f"b{seconds}", before=lease.beat), NOW + timedelta(seconds=seconds)))
    assert _code(claim(lease, copy, NOW + timedelta(seconds=4.5))) == FENCED


def test_a_restart_is_granted_when_the_holder_is_silent_even_if_it_was_heard_once_more_while_it_ended() -> None:
    waits = claim(HELD, Claim("320000", "second", 10), NOW + timedelta(seconds=1))
    assert isinstance(waits, Waits)
    lease = _held(claim(waits.lease, Claim("320000", "first", 10, before="b1", beat="b2"), NOW + timedelta(seconds=1.2)))
    assert isinstance(claim(lease, Claim("320000", "second", 10), NOW + timedelta(seconds=5)), Waits)
    granted = claim(lease, Claim("320000", "second", 10), NOW + timedelta(seconds=1.2) + LEASE)
    assert granted == Granted(Lease("320000", "second", 11, NOW + timedelta(seconds=1.2) + LEASE), superseded=True)


def test_a_restart_that_has_seen_its_predecessor_end_waits_for_nothing() -> None:
    granted = claim(HELD, Claim("320000", "second", 10, ended="first"), NOW)
    assert granted == Granted(Lease("320000", "second", 11, NOW))
    other = claim(HELD, Claim("320000", "second", 10, ended="somebody else"), NOW)
    assert isinstance(other, Waits)


def test_an_older_copy_of_the_database_is_refused_and_a_new_epoch_takes_over_at_once() -> None:
    assert _code(claim(HELD, Claim("320000", "second", 9), NOW + LEASE * 10)) == FENCED
    taken = claim(HELD, Claim("320000", "second", 1_700_000_000_000), NOW)
    assert isinstance(taken, Granted)
    assert taken.superseded
    assert _code(claim(taken.lease, Claim("320000", "first", 10, beat="b2", before="b1"), NOW)) == FENCED


def test_a_machine_copied_while_it_ran_is_told_by_the_beat_it_does_not_know() -> None:
    again = Claim("320000", "first", 10, beat="b2", before="b1")
    lease = _held(claim(HELD, again, NOW))
    assert _held(claim(lease, again, NOW)) == lease, "a lost answer: asked again with the same beat"
    assert _code(claim(lease, Claim("320000", "first", 10, beat="x2", before="b1"), NOW)) == FENCED
    unknown = replace(lease, beat="")
    assert isinstance(claim(unknown, Claim("320000", "first", 10, beat="x2", before="b1"), NOW), Granted), "a hub that was restarted"


@pytest.mark.parametrize("copy", Copy)
def test_only_a_copy_that_may_tell_may_also_do_everything_else(copy: Copy) -> None:
    assert copy.works or not copy.tells


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 9)), min_size=1, max_size=60))
def test_however_copies_ask_the_fence_rises_with_each_change_and_one_holds_the_lease(asked: list[tuple[str, int]]) -> None:
    lease: Lease | None = None
    held: dict[str, int] = dict.fromkeys("abc", 5)
    beats: dict[str, str] = dict.fromkeys("abc", "")
    now, heard = NOW, 0
    for number, (instance, wait) in enumerate(asked):
        now += timedelta(seconds=wait)
        outcome = claim(lease, Claim("320000", instance, held[instance], beat=f"{number}", before=beats[instance]), now)
        if isinstance(outcome, Granted):
            changed = lease is None or outcome.lease.instance != lease.instance
            assert outcome.lease.fence > heard if changed else outcome.lease.fence == heard
            lease, heard = outcome.lease, outcome.lease.fence
            held[instance], beats[instance] = heard, f"{number}"
        elif isinstance(outcome, Waits):
            lease = outcome.lease
        assert lease is None or lease.fence == max(5, heard)
