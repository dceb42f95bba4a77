"""The audit chain: whatever is changed, taken out, moved or cut off is found, and the first bad record is named."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twelve333.core.audit.model import GENESIS, Entry, Head, Record, chained
from twelve333.core.audit.verifying import Verifier
from twelve333.core.audit.witnesses import witnesses_of
from twelve333.core.decision import Refusal
from twelve333.core.digests import Digest

START = datetime(2026, 1, 5, 9, tzinfo=UTC)


def log(length: int) -> list[Record]:
    head, records = Head(0, GENESIS), []
    for number in range(length):
        record = chained(Entry(START + timedelta(seconds=number), "desk", "350000/desk-1", "cases.read", f"c{number}"), head)
        records.append(record)
        head = Head(record.sequence, record.digest)
    return records


def check(records: list[Record], witnessed: list[Record] | None = None) -> Refusal | None:
    verifier = Verifier([Head(each.sequence, each.digest) for each in witnessed or []])
    for record in records:
        if wrong := verifier.take(record):
            return wrong
    return verifier.end()


def test_an_untouched_log_is_good_and_holds_every_witnessed_head() -> None:
    assert check(log(20), log(20)[4::5]) is None
    assert check([]) is None


CHANGES = [{"at": START}, {"role": "operator"}, {"actor": "x"}, {"action": "x"}, {"subject": "x"}, {"outcome": "X"}]


@given(at=st.integers(2, 19), change=st.sampled_from(CHANGES))
def test_any_changed_field_is_named(at: int, change: dict[str, object]) -> None:
    records = log(20)
    records[at] = replace(records[at], entry=replace(records[at].entry, **change))  # type: ignore[arg-type]
    wrong = check(records)
    assert wrong
    assert (wrong.code.name, wrong.params["sequence"]) == ("AUDIT_RECORD_CHANGED", str(at + 1))


@given(at=st.integers(0, 18))
def test_a_record_taken_out_is_named(at: int) -> None:
    records = log(20)
    del records[at]
    wrong = check(records)
    assert wrong
    assert (wrong.code.name, wrong.params["sequence"]) == ("AUDIT_RECORD_MISSING", str(at + 1))


@given(at=st.integers(0, 18))
def test_two_records_that_changed_places_are_found(at: int) -> None:
    records = log(20)
    first, second = records[at], records[at + 1]
    records[at], records[at + 1] = replace(second, sequence=first.sequence), replace(first, sequence=second.sequence)
    wrong = check(records)
    assert wrong
    assert wrong.params["sequence"] == str(at + 1)


@given(kept=st.integers(0, 14))
def test_a_cut_tail_is_found_by_what_others_witnessed(kept: int) -> None:
    wrong = check(log(20)[:kept], log(20)[14:15])
    assert wrong
    assert (wrong.code.name, wrong.params) == ("AUDIT_TAIL_CUT", {"sequence": str(kept), "witnessed": "15", "witness": ""})


def test_a_log_that_was_written_anew_is_found_by_what_others_witnessed() -> None:
    head, records = Head(0, GENESIS), []
    for old in log(20):
        record = chained(replace(old.entry, actor="somebody else"), head)
        records.append(record)
        head = Head(record.sequence, record.digest)
    assert check(records) is None
    wrong = check(records, log(20)[9:10])
    assert wrong
    assert (wrong.code.name, wrong.params["sequence"]) == ("AUDIT_WITNESS_DIFFERS", "10")


@pytest.mark.parametrize("field", ["previous", "digest"])
def test_a_flipped_bit_in_a_hash_is_found(field: str) -> None:
    records = log(5)
    flipped = bytes([getattr(records[2], field)[0] ^ 1]) + getattr(records[2], field)[1:]
    records[2] = replace(records[2], **{field: flipped})
    wrong = check(records)
    assert wrong
    assert wrong.params["sequence"] == "3"


def test_one_witness_of_several_that_differs_is_enough_and_is_named() -> None:
    records = log(5)
    true = [Head(each.sequence, each.digest, "hub") for each in records]
    verifier = Verifier([*true, Head(3, b"x" * 32, "350000")])
    wrong = next(filter(None, map(verifier.take, records)))
    assert (wrong.code.name, wrong.params) == ("AUDIT_WITNESS_DIFFERS", {"sequence": "3", "witness": "350000"})


@pytest.mark.parametrize("suite", ["sha256", "sm3"])
def test_a_chain_may_go_over_to_another_hash_and_a_record_cannot_claim_another(suite: Digest) -> None:
    first = log(3)
    entry = Entry(START, "desk", "350000/desk-1", "cases.read", "c")
    last = chained(entry, Head(3, first[-1].digest), suite)
    assert check([*first, last]) is None
    for claimed in {"sha256", "sm3", "md5", ""} - {suite}:
        wrong = check([*first, replace(last, suite=claimed)])
        assert wrong
        assert (wrong.code.name, wrong.params["sequence"]) == ("AUDIT_RECORD_CHANGED", "4")


MEMBERS = [f"{number}0000" for number in range(11, 43)]


@given(member=st.sampled_from([*MEMBERS, "hub"]), gone=st.sampled_from(MEMBERS))
def test_witnesses_follow_from_the_names_and_one_who_leaves_is_replaced_by_one(member: str, gone: str) -> None:
    chosen = witnesses_of(member, MEMBERS)
    assert len(chosen) == len(set(chosen) - {member}) == 2
    assert chosen == witnesses_of(member, reversed(MEMBERS))
    after = witnesses_of(member, [each for each in MEMBERS if each != gone])
    assert set(chosen) - {gone} <= set(after)
    assert gone not in after


def test_every_province_witnesses_for_somebody() -> None:
    told = [witness for member in MEMBERS for witness in witnesses_of(member, MEMBERS)]
    assert max(told.count(each) for each in MEMBERS) <= 8
    assert witnesses_of("110000", ["110000"]) == ()


def _longer(records: list[Record], by: int, actor: str) -> list[Record]:
    for number in range(by):
        last = records[-1]
        entry = Entry(START + timedelta(days=1, seconds=number), "desk", actor, "cases.read", "c")
        records = [*records, chained(entry, Head(last.sequence, last.digest))]
    return records


def test_after_a_restore_on_purpose_what_was_witnessed_later_must_hold_and_what_was_lost_is_counted() -> None:
    before, restored_at = log(20), START + timedelta(hours=1)
    after = _longer(before[:8], 5, "350000/desk-1")
    old = [Head(each.sequence, each.digest, "hub", START) for each in (before[4], before[9], before[19])]
    new = Head(after[11].sequence, after[11].digest, "hub", restored_at)

    def found(records: list[Record], heads: list[Head], at: datetime | None = restored_at) -> tuple[str, int]:
        verifier = Verifier(heads, at)
        wrong = next(filter(None, map(verifier.take, records)), None) or verifier.end()
        return (wrong.code.name if wrong else ""), verifier.lost

    assert found(after, [*old, new]) == ("", 2)
    assert found(after[:9], [*old, new])[0] == "AUDIT_TAIL_CUT"
    assert found(_longer(before[:8], 5, "somebody else"), [*old, new])[0] == "AUDIT_WITNESS_DIFFERS"
    assert found(after, [replace(old[1], told_at=None), new])[0] == "AUDIT_WITNESS_DIFFERS", "who does not say when is believed as ever"
    assert found(after, old, None)[0] == "AUDIT_WITNESS_DIFFERS"
