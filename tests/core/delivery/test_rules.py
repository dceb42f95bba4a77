"""Delivery's promises as rules: next in order only, once only, closed only by a receipt."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twelve333.core.decision import Kind, Refusal
from twelve333.core.delivery.codes import EPOCH_OLD, FOREIGN_DESTINATION, FOREIGN_ORIGIN, RECEIPT_AHEAD
from twelve333.core.delivery.model import BATCH_BYTES_MAX, BATCH_EVENTS_MAX, Envelope, InboxFacts, OutboxHead, Reason, Receipt
from twelve333.core.delivery.rules import Apply, Duplicate, Gap, admit, back_off, batches, by_turns, confirm, follows, sendable

FACTS = InboxFacts(member="310000", sender="320000", epoch=7, watermark=4, known_event=False)
HEAD = OutboxHead(destination="310000", epoch=7, sequence=10, watermark=4)


def _envelope(sequence: int = 5, epoch: int = 7) -> Envelope:
    moment = datetime(2026, 1, 5, tzinfo=UTC)
    return Envelope("320000", "310000", epoch, sequence, f"e{sequence}", "cases", "twelve333.api.cases.v1.X", moment, b"")


def _receipt(watermark: int, reason: Reason = Reason.APPLIED) -> Receipt:
    return Receipt("310000", "320000", 7, watermark, reason)


def test_next_in_order_is_applied() -> None:
    assert admit(FACTS, _envelope(5)) == Apply(7, 5)


def test_what_was_applied_before_is_a_duplicate() -> None:
    assert admit(replace(FACTS, known_event=True), _envelope(4)) == Duplicate(7, 4)


def test_one_too_early_is_a_gap() -> None:
    assert admit(FACTS, _envelope(6)) == Gap(7, 4)


def test_a_new_epoch_begins_at_one() -> None:
    assert admit(FACTS, _envelope(1, epoch=8)) == Apply(8, 1)
    assert admit(FACTS, _envelope(5, epoch=8)) == Gap(8, 0)


def test_a_known_event_under_a_new_number_moves_the_watermark_only() -> None:
    assert admit(replace(FACTS, known_event=True), _envelope(1, epoch=8)) == Duplicate(8, 1)


@pytest.mark.parametrize(
    ("facts", "envelope", "code"),
    [
        (replace(FACTS, sender="350000"), _envelope(), FOREIGN_ORIGIN),
        (replace(FACTS, member="350000"), _envelope(), FOREIGN_DESTINATION),
        (FACTS, _envelope(epoch=6), EPOCH_OLD),
    ],
)
def test_a_breach_of_the_contract_is_a_peer_violation(facts: InboxFacts, envelope: Envelope, code: object) -> None:
    outcome = admit(facts, envelope)
    assert isinstance(outcome, Refusal)
    assert outcome.code == code
    assert outcome.code.kind is Kind.PEER_VIOLATION


@given(
    st.builds(replace, st.just(FACTS), sender=st.sampled_from(("320000", "350000")), waits=st.booleans(), fence=st.integers(0, 2)),
    st.data(),
)
def test_what_plainly_follows_is_what_would_be_applied_under_the_same_epoch(facts: InboxFacts, data: st.DataObject) -> None:
    envelope = replace(_envelope(data.draw(st.integers(1, 8)), data.draw(st.integers(6, 8))), fence=data.draw(st.integers(0, 3)))
    moved = replace(facts, watermark=data.draw(st.integers(3, 6)))
    assert follows(envelope, facts, moved.watermark) is (envelope.epoch == 7 and admit(moved, envelope) == Apply(7, envelope.sequence))


@given(st.lists(st.integers(1, 12), max_size=80))
def test_any_arrivals_apply_each_sequence_once_and_in_order(arrivals: list[int]) -> None:
    facts, applied = replace(FACTS, watermark=0), []
    for sequence in arrivals:
        step = admit(facts, _envelope(sequence))
        if isinstance(step, Apply):
            applied.append(sequence)
            facts = replace(facts, watermark=step.sequence)
    assert applied == list(range(1, len(applied) + 1))


def test_a_receipt_closes_up_to_its_watermark() -> None:
    assert confirm(HEAD, _receipt(8), "310000") == replace(HEAD, watermark=8)


def test_a_late_receipt_takes_nothing_back() -> None:
    assert confirm(HEAD, _receipt(2), "310000") == HEAD


def test_a_restored_receiver_gets_again_what_it_lost() -> None:
    assert confirm(HEAD, _receipt(2, Reason.HELLO), "310000") == replace(HEAD, watermark=2)


def test_a_receipt_of_another_epoch_closes_nothing() -> None:
    assert confirm(HEAD, replace(_receipt(8), epoch=6), "310000") == HEAD


def test_a_receipt_for_what_was_never_sent_is_refused() -> None:
    outcome = confirm(HEAD, _receipt(11), "310000")
    assert isinstance(outcome, Refusal)
    assert outcome.code == RECEIPT_AHEAD


def test_a_receipt_in_anothers_name_is_refused() -> None:
    outcome = confirm(HEAD, _receipt(8), "350000")
    assert isinstance(outcome, Refusal)
    assert outcome.code == FOREIGN_ORIGIN


@given(st.integers(0, 50), st.integers(0, 50), st.integers(0, 60), st.integers(1, 20))
def test_never_more_than_the_window_is_unconfirmed(watermark: int, more: int, sent: int, window: int) -> None:
    head = replace(HEAD, watermark=watermark, sequence=watermark + more)
    now = sendable(head, sent, window)
    assert all(watermark < sequence <= min(head.sequence, watermark + window) for sequence in now)
    assert all(sequence > sent for sequence in now)


@given(st.integers(0, 10_000), st.floats(0, 1, exclude_max=True))
def test_back_off_is_capped_and_jittered(attempt: int, draw: float) -> None:
    base, cap = timedelta(milliseconds=200), timedelta(seconds=30)
    wait = back_off(attempt, draw, base, cap)
    assert min(cap, base * 2 ** min(attempt, 10)) / 2 <= wait <= cap


@given(
    st.lists(st.tuples(st.integers(1, 2), st.sampled_from((0, BATCH_BYTES_MAX // 3, BATCH_BYTES_MAX + 1))), max_size=2 * BATCH_EVENTS_MAX)
)
def test_events_travel_in_groups_that_keep_order_and_bounds(steps: list[tuple[int, int]]) -> None:
    sequence, envelopes = 0, []
    for step, size in steps:
        sequence += step
        envelopes.append(replace(_envelope(sequence), payload=bytes(size)))
    groups = batches(envelopes)
    assert [each for group in groups for each in group] == envelopes
    for group in groups:
        assert len(group) == 1 or sum(len(each.payload) for each in group) <= BATCH_BYTES_MAX
        assert 0 < len(group) <= BATCH_EVENTS_MAX
        assert [each.sequence for each in group] == list(range(group[0].sequence, group[0].sequence + len(group)))


@given(st.lists(st.sampled_from("abc")))
def test_an_origin_waits_for_no_more_of_anothers_events_than_it_has_sent_itself(senders: list[str]) -> None:
    arrived = [(origin, senders[:at].count(origin)) for at, origin in enumerate(senders)]
    taken = by_turns(arrived, lambda event: event[0])
    assert sorted(taken) == sorted(arrived)
    for at, (origin, number) in enumerate(taken):
        before = taken[:at]
        assert [each for each in before if each[0] == origin] == [(origin, earlier) for earlier in range(number)], "in its own order"
        for other in {*"abc"} - {origin}:
            assert sum(each[0] == other for each in before) <= number + 1
