"""A broker that is itself an enemy can keep messages back, but not invent one: what is not signed by its origin counts for nothing."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import MetaData, create_engine
from tests.adapters.test_guarded_bus import Broker
from tests.support.members import Federation

from twelve333.adapters.bus.signed import SignedBus, Signing
from twelve333.adapters.relay.receiver import _arrivals
from twelve333.adapters.signing.keys import ROOT_FILE, fingerprint_of, load_certificates, load_key
from twelve333.adapters.signing.statements import CERTIFICATE_BYTES_MOST, Signature, Signer, Verifier
from twelve333.adapters.sql.delivery import Delivery, delivery_tables
from twelve333.api.delivery.v1 import delivery_pb2 as pb
from twelve333.core.decision import Code, Refusal
from twelve333.core.delivery.codes import SIGNATURE_MISSING, SIGNATURE_WRONG
from twelve333.core.delivery.model import Envelope, Reason, Receipt
from twelve333.core.identity import local_node_identity, node_identity, operator_identity
from twelve333.wire.batch import encode_batch
from twelve333.wire.envelope import encode_envelope, encode_receipt
from twelve333.wire.subjects import batch_subject, event_subject, receipt_subject

ORIGIN, OTHER, US = "320000", "350000", "310000"
TYPE = "twelve333.api.cases.v1.CaseStepTaken"
SAID = b"what was said"


def clock() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def made(tmp_path: Path) -> Federation:
    return Federation.create(tmp_path)


@pytest.fixture
def origin(made: Federation) -> Path:
    return made.certify(node_identity(ORIGIN))


def verifier(folder: Path, revoked: Callable[[str], bool] = lambda _key: False, now: Callable[[], datetime] = clock) -> Verifier:
    return Verifier(folder, revoked, now)


def code(outcome: Refusal | None) -> Code | None:
    return outcome.code if outcome else None


def envelope(sequence: int, payload: bytes = b"said") -> Envelope:
    return Envelope(ORIGIN, US, 7, sequence, f"e-{sequence}", "cases", TYPE, datetime(2026, 1, 5, tzinfo=UTC), payload)


def test_what_a_member_signed_holds_for_it_and_for_nobody_else_and_for_nothing_else(origin: Path) -> None:
    signed = Signer(origin).sign(SAID)
    checks = verifier(origin)
    assert checks.check(ORIGIN, SAID, signed) is None
    assert code(checks.check(ORIGIN, SAID + b"!", signed)) == SIGNATURE_WRONG
    assert code(checks.check(OTHER, SAID, signed)) == SIGNATURE_WRONG
    assert code(checks.check(ORIGIN, SAID, replace(signed, value=b""))) == SIGNATURE_MISSING
    assert code(checks.check(ORIGIN, SAID, replace(signed, value=b"nonsense"))) == SIGNATURE_WRONG


def test_certificates_that_do_not_lead_to_a_root_or_speak_for_no_member_count_for_nothing(
    made: Federation, origin: Path, tmp_path: Path
) -> None:
    checks, signed = verifier(origin), Signer(origin).sign(SAID)
    stranger = Federation.create(tmp_path / "stranger").certify(node_identity(ORIGIN))
    foreign = [
        Signer(folder).sign(SAID) for folder in (stranger, made.certify(operator_identity("li")), made.certify(local_node_identity(ORIGIN)))
    ]
    mixed = Signature(foreign[0].value, [foreign[0].chain[0], *signed.chain[1:]])
    leaf_as_authority = Signature(signed.value, [signed.chain[0], signed.chain[0]])
    shapes = [
        replace(signed, chain=chain) for chain in ([], [b""], [b"nonsense"], [bytes(CERTIFICATE_BYTES_MOST + 1)], list(signed.chain) * 3)
    ]
    for wrong in (*foreign, mixed, leaf_as_authority, *shapes):
        assert code(checks.check(ORIGIN, SAID, wrong)) == SIGNATURE_WRONG


def test_a_revoked_key_and_a_certificate_that_has_ended_count_no_more_although_they_were_checked_before(origin: Path) -> None:
    signed, revoked, moments = Signer(origin).sign(SAID), set[str](), [clock()]
    checks = verifier(origin, revoked.__contains__, lambda: moments[-1])
    assert checks.check(ORIGIN, SAID, signed) is None
    revoked.add(fingerprint_of(load_key(origin / "tls.key").public_key()))
    assert code(checks.check(ORIGIN, SAID, signed)) == SIGNATURE_WRONG
    revoked.clear()
    moments.append(clock() + timedelta(days=2))
    assert code(checks.check(ORIGIN, SAID, signed)) == SIGNATURE_WRONG


def test_a_new_root_beside_the_old_one_is_taken_up_from_the_file(origin: Path, tmp_path: Path) -> None:
    new = Federation.create(tmp_path / "new").certify(node_identity(ORIGIN))
    checks, signed = verifier(origin), Signer(new).sign(SAID)
    assert code(checks.check(ORIGIN, SAID, signed)) == SIGNATURE_WRONG
    both = (origin / ROOT_FILE).read_bytes() + (new / ROOT_FILE).read_bytes()
    before = (origin / ROOT_FILE).stat().st_mtime_ns
    (origin / ROOT_FILE).write_bytes(both)
    os.utime(origin / ROOT_FILE, ns=(before + 1, before + 1))  # also on a file system whose times are coarse
    assert len(load_certificates(origin / ROOT_FILE)) == 2
    assert checks.check(ORIGIN, SAID, signed) is None
    assert checks.check(ORIGIN, SAID, Signer(origin).sign(SAID)) is None


class Wire:
    """What one member's signed bus makes of messages, as the other's gets them."""

    def __init__(self, folder: Path, demanded: bool = True) -> None:
        self.broker = Broker()
        self.sent: list[tuple[str, bytes]] = []
        self.bus = SignedBus(self.broker, Signing(Signer(folder), verifier(folder), lambda _member: demanded))

    async def signs(self, *messages: tuple[str, bytes]) -> list[bytes]:
        kept: list[bytes] = []

        async def keep(given: list[tuple[str, bytes]]) -> None:
            kept.extend(data for _, data in given)

        self.broker.publish = keep  # type: ignore[method-assign,assignment]
        await self.bus.publish(messages)
        return kept


BATCHES, EVENTS = batch_subject(ORIGIN, US), event_subject(ORIGIN, US, "cases")


async def taken(wire: Wire, *messages: tuple[str, bytes]) -> list[Code | None]:
    wire.broker.waiting = []
    for subject, data in messages:
        wire.broker.comes(subject)
        wire.broker.waiting[-1] = replace(wire.broker.waiting[-1], data=data)
    return [code(each.refusal) for each in await wire.bus.fetch(10, 1.0)]


async def test_batches_and_single_events_are_signed_and_checked_and_invented_ones_refused(origin: Path) -> None:
    wire = Wire(origin)
    plain = [(BATCHES, encode_batch([envelope(1), envelope(2)])), (EVENTS, encode_envelope(envelope(3)))]
    batch, event = await wire.signs(*plain)
    assert await taken(wire, (BATCHES, batch), (EVENTS, event)) == [None, None]
    assert await taken(wire, *plain) == [SIGNATURE_MISSING, SIGNATURE_MISSING]
    forged = pb.SignedBatch.FromString(batch)
    forged.batch = pb.SignedBatch.FromString(encode_batch([envelope(1, b"invented")])).batch
    changed = pb.Envelope.FromString(event)
    changed.sequence += 1
    assert await taken(wire, (BATCHES, forged.SerializeToString()), (EVENTS, changed.SerializeToString())) == [SIGNATURE_WRONG] * 2
    others = batch_subject(OTHER, US)
    assert await taken(wire, (others, batch)) == [SIGNATURE_WRONG], "as if another had told it"
    assert [code is not None for code in await taken(wire, (BATCHES, b"\xff\xff"), (EVENTS, b"\xff\xff"))] == [True, True]


async def test_from_a_member_that_does_not_sign_yet_unsigned_messages_are_taken_and_wrong_ones_are_not(origin: Path) -> None:
    wire = Wire(origin, demanded=False)
    plain = encode_batch([envelope(1)])
    (batch,) = await wire.signs((BATCHES, plain))
    wrong = pb.SignedBatch.FromString(batch)
    wrong.signature = b"nonsense"
    assert await taken(wire, (BATCHES, plain), (BATCHES, batch), (BATCHES, wrong.SerializeToString())) == [None, None, SIGNATURE_WRONG]


async def test_an_invented_receipt_closes_nothing(origin: Path) -> None:
    wire, heard, sent = Wire(origin), list[bytes](), list[bytes]()

    async def keep(_subject: str, data: bytes) -> None:
        sent.append(data)

    wire.broker.send_receipt = keep  # type: ignore[method-assign,assignment]
    wire.bus.on_receipt(lambda _subject, data: heard.append(data))
    told = encode_receipt(Receipt(ORIGIN, US, 7, 3, Reason.APPLIED, fence=4))
    await wire.bus.send_receipt(receipt_subject(ORIGIN, US), told)
    ahead = pb.Receipt.FromString(sent[0])
    ahead.watermark = 9
    for data in (told, ahead.SerializeToString(), b"\xff", sent[0]):
        wire.broker.listeners[0](receipt_subject(ORIGIN, US), data)
    assert [pb.Receipt.FromString(data).watermark for data in heard if data != b"\xff"] == [3]


async def test_a_refused_message_is_counted_and_touches_nothing_and_a_replayed_one_is_a_duplicate_and_those_behind_go_on(
    origin: Path,
) -> None:
    wire, metadata = Wire(origin), MetaData()
    delivery = Delivery(delivery_tables(metadata), US)
    invented = encode_batch([envelope(1, b"invented"), envelope(2)])
    first, second = await wire.signs((BATCHES, encode_batch([envelope(1)])), (BATCHES, encode_batch([envelope(2)])))
    await taken(wire, *((BATCHES, data) for data in (invented, first, first, second)))
    arrivals = [arrival for message in await wire.bus.fetch(10, 1.0) for arrival, _ in _arrivals(message)]
    applied: list[int] = []
    with create_engine("sqlite://").begin() as tx:
        metadata.create_all(tx)
        received = delivery.inbox.receive(tx, arrivals, {TYPE: lambda _tx, inbound, _now: applied.append(inbound.sequence)}, clock())
        (line,) = delivery.status(tx).inbox
    assert applied == [1, 2]
    assert (line.applied, line.duplicates, line.refused, line.watermark) == (2, 1, 1, 2)
    assert [refusal.code for refusal in received.refusals] == [SIGNATURE_MISSING]
