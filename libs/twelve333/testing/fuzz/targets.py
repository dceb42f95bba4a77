"""Every decoder that faces a peer, each with what makes its inputs and what it may answer: a value, or a refusal, and nothing else.

A decoder of events may also raise what the inbox contains and sets the event aside for (`inbox.POISON`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Final, TypeVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from google.protobuf.message import DecodeError, Message

from ...adapters.signing.documents import public_bytes, sign, verify
from ...adapters.signing.pinning import parse_pin
from ...adapters.signing.tokens import parse_token
from ...adapters.sql.inbox import POISON
from ...api.audit.v1 import audit_pb2
from ...api.cases.v1 import events_pb2 as cases_pb
from ...api.cases.v1 import service_pb2 as cases_service
from ...api.common.v1 import common_pb2
from ...api.coverage.v1 import coverage_pb2
from ...api.delivery.v1 import delivery_pb2
from ...api.delivery.v1 import events_pb2 as delivery_events
from ...api.library.v1 import events_pb2 as library_events
from ...api.library.v1 import library_pb2, proposals_pb2
from ...api.library.v1 import service_pb2 as library_pb
from ...api.registration.v1 import examination_pb2, records_pb2, registration_pb2
from ...api.routing.v1 import events_pb2 as routing_events
from ...api.routing.v1 import queue_pb2, returns_pb2, routing_pb2
from ...api.routing.v1 import service_pb2 as routing_pb
from ...core.cases.codes import EPOCH_STALE
from ...core.decision import refuse
from ...core.delivery.model import Envelope, Reason, Receipt
from ...core.identity import parse_identity
from ...core.library.checkpoint import canonical_bytes, parse_release
from ...core.library.model import Release
from ...core.library.proposals_machine import apply
from ...wire.audit import record_from_wire
from ...wire.batch import decode_batch, encode_batch
from ...wire.cases import arrived_from_wire, filter_from_wire
from ...wire.declarations import declaration_from_wire
from ...wire.directory import snapshot_from_wire
from ...wire.documents import document_from_wire, document_to_wire
from ...wire.envelope import decode_envelope, decode_receipt, encode_envelope, encode_receipt
from ...wire.examinations import decode_examined
from ...wire.library import announced_from_wire, applied_from_wire, change_from_wire, entry_from_content, refused_from_wire
from ...wire.library_frames import unpack, zlib_frame, zstd_frame
from ...wire.proposals import step_from_wire
from ...wire.queues import decode_told
from ...wire.routing import call_from_wire, context_from_wire, offer_from_wire, told_from_wire
from ...wire.sheets import sheet_of
from ...wire.status import parse_details, to_status
from ...wire.subjects import sender_of
from . import returned, strangers
from .mutate import damaged, filled

M = TypeVar("M", bound=Message)
_KEY: Final = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
_PUBLIC: Final = public_bytes(_KEY)
_AT: Final = datetime(2026, 3, 2, tzinfo=UTC)
_RELEASE: Final = Release(1_772_413_105_798, 7, 15_000, bytes(32), bytes(range(32)), datetime(2026, 3, 2, tzinfo=UTC))


@dataclass(frozen=True, slots=True)
class Target:
    """One decoder.

    Args:
        decode: takes bytes as a peer sent them.
        sample: makes a well-formed input; damage comes on top.
        contained: what its caller is known to contain, beside `Refused`.
    """

    decode: Callable[[bytes], object]
    sample: Callable[[Random], bytes]
    contained: tuple[type[Exception], ...] = ()


def _of(kind: type[M], decode: Callable[[M], object], contained: tuple[type[Exception], ...] = ()) -> Target:
    """A decoder of a message that gRPC, or the inbox, has parsed before; bytes that do not parse end there."""

    def parsed(data: bytes) -> object:
        try:
            message = kind.FromString(data)
        except DecodeError:
            return None
        return decode(message)

    return Target(parsed, lambda chance: filled(kind, chance).SerializeToString(), contained)


def _text(decode: Callable[[str], object], *samples: str) -> Target:
    return Target(lambda data: decode(data.decode(errors="replace")), lambda chance: chance.choice(samples).encode())


def _signed(message: common_pb2.SignedDocument) -> object:
    return verify(document_from_wire(message), "directory", _PUBLIC, None)


def _signed_sample(chance: Random) -> bytes:
    document = sign(chance.randbytes(40), "directory", chance.randrange(1, 99), _KEY)
    return document_to_wire(document).SerializeToString()


def _frame_sample(chance: Random) -> bytes:
    payload = damaged(filled(library_pb.ChangeBatch, chance).SerializeToString(), chance)
    bomb = chance.random() < 0.002
    pack, payload = chance.choice((zlib_frame, zstd_frame)), bytes(8 << 20) if bomb else payload
    encoding, packed = pack(payload)
    return library_pb.Frame(encoding=encoding, payload=damaged(packed, chance) if chance.random() < 0.3 else packed).SerializeToString()


def _envelope_sample(chance: Random) -> bytes:
    payload = filled(cases_pb.CaseStepTaken, chance).SerializeToString()
    type_name, at = "twelve333.api.cases.v1.CaseStepTaken", datetime(2026, 3, 2, tzinfo=UTC)
    number = chance.randrange(1, 2**40)
    return encode_envelope(Envelope("hub", "350000", number, 1 + number % 9, f"hub-{number}", "cases", type_name, at, payload, "case-1"))


def _batch_sample(chance: Random) -> bytes:
    payloads = [filled(cases_pb.CaseStepTaken, chance).SerializeToString() for _ in range(chance.randrange(1, 5))]
    type_name, at, number = "twelve333.api.cases.v1.CaseStepTaken", datetime(2026, 3, 2, tzinfo=UTC), chance.randrange(1, 2**40)
    events = [Envelope("hub", "350000", number, at_, f"hub-{at_}", "cases", type_name, at, data) for at_, data in enumerate(payloads, 1)]
    return encode_batch(events)


def _wrapped(batch: bytes) -> bytes:
    return delivery_pb2.SignedBatch(batch=batch).SerializeToString()


def _receipt_sample(chance: Random) -> bytes:
    return encode_receipt(Receipt("350000", "hub", chance.randrange(1, 2**40), chance.randrange(99), chance.choice(list(Reason))))


def _details_sample(chance: Random) -> bytes:
    refusal = refuse(EPOCH_STALE, retry_after=timedelta(seconds=chance.randrange(9)), seen=1, now=2)
    details: bytes = to_status(refusal, chance.choice(("en", "zh", ""))).SerializeToString()
    return details


def _filled_bytes(kind: type[Message]) -> Callable[[Random], bytes]:
    return lambda chance: filled(kind, chance).SerializeToString()


TARGETS: Final[dict[str, Target]] = {
    "envelope": Target(decode_envelope, _envelope_sample),
    "batch": Target(decode_batch, _batch_sample),
    "receipt": Target(decode_receipt, _receipt_sample),
    "queues told": Target(decode_told, _filled_bytes(queue_pb2.QueuesTold)),
    "examination": Target(decode_examined, _filled_bytes(examination_pb2.Examination)),
    "restored": _of(delivery_events.Restored, lambda told: (told.epoch, told.watermark)),
    "signed document": Target(_of(common_pb2.SignedDocument, _signed).decode, _signed_sample),
    "directory": _of(registration_pb2.Directory, snapshot_from_wire, POISON),
    "checkpoint": Target(parse_release, lambda chance: canonical_bytes(_RELEASE)),
    "join token": _text(parse_token, "t333_" + "kZ-3_" * 8 + "q9w", "t333_" + "A" * 43),
    "identity": _text(parse_identity, "spiffe://federation.12333/province/350000", "spiffe://350000.12333/desk/a"),
    "subject": _text(sender_of, "t333.ev.hub.350000.cases", "t333.rc.350000.hub"),
    "case step": _of(cases_pb.CaseStepTaken, lambda taken: arrived_from_wire(taken, "350000"), POISON),
    "handoff offer": _of(routing_pb.OfferHandoffRequest, lambda offer: offer_from_wire(offer, "350000")),
    "handoff context": _of(routing_pb.FetchContextResponse, lambda answer: context_from_wire(answer.items)),
    "handoff event": _of(routing_events.HandoffEvent, told_from_wire, POISON),
    "library frame": Target(_of(library_pb.Frame, unpack).decode, _frame_sample),
    "library change": _of(library_pb2.Change, change_from_wire),
    "release announced": _of(library_events.ReleaseAnnounced, announced_from_wire, POISON),
    "release applied": _of(library_events.ReleaseApplied, applied_from_wire, POISON),
    "release refused": _of(library_events.ReleaseRefused, refused_from_wire, POISON),
    "refusal details": Target(lambda data: parse_details(data, "en"), _details_sample),
    "any envelope": Target(decode_envelope, _filled_bytes(delivery_pb2.Envelope)),
    "signing request": Target(strangers.signing_request, strangers.signing_request_sample),
    "certificate": Target(strangers.certificate, strangers.certificate_sample),
    "signer": Target(strangers.signer, strangers.certificate_sample),
    "roots": Target(strangers.roots, strangers.roots_sample),
    "pin": _text(parse_pin, "sha256:" + "0a" * 32, "SHA256:" + "F0" * 32),
    "sealed payload": Target(strangers.sealed, strangers.sealed_sample),
    "declaration": _of(coverage_pb2.Declaration, declaration_from_wire),
    "call": _of(routing_pb2.Call, call_from_wire),
    "case filter": _of(cases_service.ListCasesRequest, lambda wanted: filter_from_wire(wanted, _AT)),
    "audit record": _of(audit_pb2.AuditRecord, record_from_wire, POISON),
    "library entry": Target(entry_from_content, _filled_bytes(library_pb2.Entry)),
    "proposal step": _of(proposals_pb2.ProposalStepTaken, lambda taken: apply(None, step_from_wire(taken.step)), POISON),
    "entry sheet": Target(sheet_of, _filled_bytes(library_pb2.Entry)),
    "units file": Target(strangers.units_file, strangers.units_sample),
    "markdown file": Target(strangers.markdown_file, strangers.markdown_sample),
    "calls returned": _of(returns_pb2.HandoffsReturned, returned.calls, POISON),
    "kept record": _of(records_pb2.KeptRecord, returned.record, POISON),
    "audit head": _of(audit_pb2.AuditHead, returned.head),
    "document key voucher": Target(
        _of(common_pb2.SignedDocument, lambda voucher: returned.voucher(_PUBLIC, voucher)).decode, _signed_sample
    ),
    "any batch": Target(decode_batch, lambda chance: _wrapped(filled(delivery_pb2.Batch, chance).SerializeToString())),
}
