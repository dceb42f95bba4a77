"""The library comes back from the wire as it was; unknown fields stay; frames are bounded."""

from __future__ import annotations

import zlib
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twelve333.api.library.v1 import library_pb2, service_pb2
from twelve333.core.decision import Refusal
from twelve333.core.library import codes
from twelve333.core.library.messages import ReleaseAnnounced, ReleaseApplied, ReleaseRefused
from twelve333.core.library.model import (
    Attachment,
    Change,
    Entry,
    EntryKind,
    Link,
    LinkKind,
    Provenance,
    ProvenanceStep,
    Release,
    Tombstone,
    TombstoneReason,
)
from twelve333.wire import library as wire
from twelve333.wire.library_frames import FRAME_CHANGES_MAX, UNPACKED_BYTES_MAX, frames, unpack

words = st.text(max_size=20)
days = st.none() | st.dates(min_value=date(1949, 10, 1))
moments = st.datetimes(min_value=datetime(2000, 1, 1), max_value=datetime(2100, 1, 1), timezones=st.just(UTC))
hashes = st.binary(min_size=32, max_size=32)
numbers = st.integers(0, 2**63)
links = st.builds(Link, st.sampled_from(LinkKind), words, days)
steps = st.builds(Provenance, st.sampled_from(ProvenanceStep), words, days, words, st.binary(max_size=32))
files = st.builds(Attachment, words, words, st.integers(0, 2**40), hashes, st.lists(hashes, max_size=3).map(tuple))
entries = st.builds(
    Entry,
    id=words,
    kind=st.sampled_from([kind for kind in EntryKind if kind is not EntryKind.OTHER]),
    title=words,
    body=words,
    topics=st.lists(words, max_size=3).map(tuple),
    region=words,
    issuing_body=words,
    document_number=words,
    document=words,
    valid_from=days,
    valid_to=days,
    owner_unit=words,
    review_due=days,
    sources=st.lists(words, max_size=3).map(tuple),
    applies_from=days,
    applies_to=days,
    links=st.lists(links, max_size=3).map(tuple),
    provenance=st.lists(steps, max_size=3).map(tuple),
    attachments=st.lists(files, max_size=2).map(tuple),
)
tombstones = st.builds(Tombstone, st.sampled_from(TombstoneReason), words)
recorded = st.none() | moments
changes = st.builds(Change, words, st.integers(1, 2**31), numbers, content=st.binary(max_size=50), recorded_at=recorded) | st.builds(
    Change, words, st.integers(1, 2**31), numbers, tombstone=tombstones, recorded_at=recorded
)


@given(entries)
def test_an_entry_comes_back_from_its_bytes(entry: Entry) -> None:
    assert wire.entry_from_content(wire.content_of(entry)) == entry
    assert wire.content_of(entry) == wire.content_of(entry)


def test_kinds_of_a_newer_publisher_can_be_held() -> None:
    newer = library_pb2.Entry.FromString(library_pb2.Entry(id="a", title="题").SerializeToString() + b"\x10\x63")  # kind 99
    newer.links.add(target="b").MergeFromString(b"\x08\x63")
    read = wire.entry_from_content(newer.SerializeToString())
    assert isinstance(read, Entry)
    assert (read.kind, read.links) == (EntryKind.OTHER, ())


@given(changes)
def test_a_change_comes_back(change: Change) -> None:
    assert wire.change_from_wire(wire.change_to_wire(change)) == change


@given(st.builds(Release, numbers, numbers, st.integers(0, 2**31), hashes, hashes, moments))
def test_a_release_comes_back(release: Release) -> None:
    assert wire.release_from_wire(wire.release_to_wire(release)) == release


@given(st.builds(ReleaseAnnounced, numbers, numbers, hashes, moments))
def test_an_announcement_comes_back(event: ReleaseAnnounced) -> None:
    assert wire.announced_from_wire(wire.announced_to_wire(event)) == event


@given(st.builds(ReleaseApplied, numbers, numbers, st.integers(0, 2**31), hashes, moments))
def test_a_report_comes_back(event: ReleaseApplied) -> None:
    assert wire.applied_from_wire(wire.applied_to_wire(event)) == event


@given(st.builds(ReleaseRefused, numbers, numbers, words, numbers, moments))
def test_a_report_of_a_refusal_comes_back(event: ReleaseRefused) -> None:
    assert wire.refused_from_wire(wire.refused_to_wire(event)) == event


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (library_pb2.Entry(id="a"), codes.KIND_MISSING),
        (library_pb2.Entry(id="a", kind=library_pb2.ENTRY_KIND_QA, valid_from="2014-02-30"), codes.DATE_MALFORMED),
    ],
)
def test_an_entry_that_cannot_be_read_is_refused(message: library_pb2.Entry, code: object) -> None:
    refusal = wire.entry_from_wire(message)
    assert isinstance(refusal, Refusal)
    assert refusal.code is code


def test_bytes_of_a_newer_publisher_travel_untouched() -> None:
    newer = wire.content_of(Entry("a", EntryKind.QA, "题", "答", ("01",))) + bytes([0xFA, 0x3E, 3]) + "新".encode()  # field 1007
    frame = next(iter(frames([Change("a", 1, 1, content=newer)])))
    arrived = unpack(service_pb2.Frame.FromString(frame.SerializeToString()))
    assert not isinstance(arrived, Refusal)
    assert arrived[0].content == newer
    assert not isinstance(wire.entry_from_content(newer), Refusal)


@given(st.lists(changes, max_size=20))
def test_changes_come_back_from_frames_in_order(many: list[Change]) -> None:
    arrived: list[Change] = []
    for frame in frames(many):
        batch = unpack(frame)
        assert not isinstance(batch, Refusal)
        arrived += batch
    assert arrived == many


def test_a_frame_holds_no_more_changes_than_the_limit() -> None:
    many = [Change(str(i), 1, 1, content=b"x") for i in range(FRAME_CHANGES_MAX + 1)]
    assert len(list(frames(many))) == 2


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        (b"not zlib", codes.FRAME_UNREADABLE),
        (zlib.compress(b"x" * 10)[:-2], codes.FRAME_UNREADABLE),
        (zlib.compress(b"\xff" * 10), codes.FRAME_UNREADABLE),
        (zlib.compress(bytes(UNPACKED_BYTES_MAX + 1)), codes.FRAME_TOO_LARGE),
    ],
)
def test_a_frame_that_lies_is_refused(payload: bytes, code: object) -> None:
    refusal = unpack(service_pb2.Frame(encoding=service_pb2.FRAME_ENCODING_ZLIB, payload=payload))
    assert isinstance(refusal, Refusal)
    assert refusal.code is code
