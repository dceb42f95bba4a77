"""Refusals as rich gRPC status and back: a stable code for programs, a sentence for people, never a bare string.

ErrorInfo carries the code, its parameters and the kind; BadRequest the fields at fault; RetryInfo when to ask again;
LocalizedMessage the sentence in the caller's language. Source: AIP-193; google/rpc/error_details.proto.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from google.protobuf.any_pb2 import Any as PackedAny
from google.protobuf.message import DecodeError
from google.rpc import code_pb2, error_details_pb2, status_pb2

from twelve333.catalogue import catalogue
from twelve333.core.decision import Code, FieldViolation, Kind, Refusal

from . import codes

DOMAIN: Final = "twelve333"
DETAILS_KEY: Final = "grpc-status-details-bin"
LOCALE_KEY: Final = "accept-language"
STATUS_BYTES_MAX: Final = 6 * 1024  # gRPC drops trailers of over 8 KiB, and this grows by a third on the wire

_KIND_KEY: Final = "kind"
_GRPC: Final[Mapping[Kind, int]] = {
    Kind.INVALID: code_pb2.INVALID_ARGUMENT,
    Kind.NOT_FOUND: code_pb2.NOT_FOUND,
    Kind.CONFLICT: code_pb2.FAILED_PRECONDITION,
    Kind.DENIED: code_pb2.PERMISSION_DENIED,
    Kind.UNAUTHENTICATED: code_pb2.UNAUTHENTICATED,
    Kind.EXHAUSTED: code_pb2.RESOURCE_EXHAUSTED,
    Kind.UNAVAILABLE: code_pb2.UNAVAILABLE,
    Kind.TIMED_OUT: code_pb2.DEADLINE_EXCEEDED,
    Kind.PEER_VIOLATION: code_pb2.DATA_LOSS,
}
# Two codes mean something to every gRPC tool, so they keep gRPC's own status.
_GRPC_OF_CODE: Final[Mapping[str, int]] = {codes.INTERNAL.name: code_pb2.INTERNAL, codes.METHOD_UNKNOWN.name: code_pb2.UNIMPLEMENTED}


@dataclass(frozen=True, slots=True)
class Problem:
    """A refusal as it arrived.

    Args:
        refusal: code, parameters, fields at fault, when to retry.
        sentence: in the language we asked for.
        violations: field path and sentence of each field at fault.
    """

    refusal: Refusal
    sentence: str
    violations: tuple[tuple[str, str], ...] = ()


def to_status(refusal: Refusal, locale: str) -> Any:
    """The google.rpc.Status of a refusal, its sentences in `locale`; fields at fault that do not fit are left out from the end."""
    kept = len(refusal.violations)
    status = _status(refusal, locale, kept)
    while kept and status.ByteSize() > STATUS_BYTES_MAX:
        kept = kept * 3 // 4
        status = _status(refusal, locale, kept)
    return status


def from_status(status: Any, locale: str) -> Problem | None:
    """Read a google.rpc.Status; None if it is not one of ours."""
    info = _detail(status, error_details_pb2.ErrorInfo())
    if info is None or info.domain != DOMAIN:
        return None
    code, params = Code(info.reason, _kind(info.metadata.get(_KIND_KEY, ""))), dict(info.metadata)
    faults = _detail(status, error_details_pb2.BadRequest())
    fields = tuple(faults.field_violations) if faults else ()
    refusal = Refusal(
        code,
        {name: value for name, value in params.items() if name != _KIND_KEY and not name.startswith("violation-")},
        tuple(FieldViolation(fault.field, Code(fault.reason, code.kind), _params_of(params, i)) for i, fault in enumerate(fields)),
        _retry_after(status),
    )
    return Problem(refusal, _sentence(status, refusal, locale), tuple((fault.field, fault.description) for fault in fields))


def parse_details(details: bytes, locale: str) -> Problem | None:
    """Read the bytes of the `grpc-status-details-bin` trailer; None if they are not ours."""
    try:
        return from_status(status_pb2.Status.FromString(details), locale) if details else None
    except (DecodeError, ValueError, OverflowError):  # a peer that answers nonsense, or asks to wait for ten thousand years
        return None


def _status(refusal: Refusal, locale: str, kept: int) -> Any:
    sentence = catalogue.sentence(refusal.code, refusal.params, locale)
    status = status_pb2.Status(code=_GRPC_OF_CODE.get(refusal.code.name, _GRPC[refusal.code.kind]), message=sentence)
    violations = refusal.violations[:kept]
    for detail in _details(refusal, violations, sentence, locale):
        packed = PackedAny()
        packed.Pack(detail)
        status.details.append(packed)
    return status


def _details(refusal: Refusal, violations: tuple[FieldViolation, ...], sentence: str, locale: str) -> Iterable[Any]:
    metadata = {**refusal.params, _KIND_KEY: refusal.code.kind.value, **_numbered(violations)}
    yield error_details_pb2.ErrorInfo(reason=refusal.code.name, domain=DOMAIN, metadata=metadata)
    yield error_details_pb2.LocalizedMessage(locale=catalogue.choose_locale(locale), message=sentence)
    if violations:
        yield error_details_pb2.BadRequest(field_violations=[_fault(violation, locale) for violation in violations])
    if refusal.retry_after is not None:
        retry = error_details_pb2.RetryInfo()
        retry.retry_delay.FromTimedelta(refusal.retry_after)
        yield retry


def _fault(violation: FieldViolation, locale: str) -> Any:
    sentence = catalogue.sentence(violation.code, violation.params, locale)
    return error_details_pb2.BadRequest.FieldViolation(field=violation.path, reason=violation.code.name, description=sentence)


def _numbered(violations: tuple[FieldViolation, ...]) -> dict[str, str]:
    """Parameters of violations have no place in BadRequest, so they travel beside the refusal's own."""
    return {f"violation-{i}-{name}": value for i, violation in enumerate(violations) for name, value in violation.params.items()}


def _params_of(metadata: Mapping[str, str], number: int) -> dict[str, str]:
    prefix = f"violation-{number}-"
    return {name.removeprefix(prefix): value for name, value in metadata.items() if name.startswith(prefix)}


def _detail(status: Any, message: Any) -> Any | None:
    return next((message for packed in status.details if packed.Unpack(message)), None)


def _retry_after(status: Any) -> timedelta | None:
    retry = _detail(status, error_details_pb2.RetryInfo())
    return None if retry is None else retry.retry_delay.ToTimedelta()


def _sentence(status: Any, refusal: Refusal, locale: str) -> str:
    """What the server said, else our own catalogue: an older server may not know the language, a newer one knows more codes."""
    said = _detail(status, error_details_pb2.LocalizedMessage())
    if said is not None and (said.locale == catalogue.choose_locale(locale) or not catalogue.has(refusal.code)):
        return str(said.message)
    return catalogue.sentence(refusal.code, refusal.params, locale)


def _kind(value: str) -> Kind:
    """A kind that we do not know yet is the other side's matter."""
    return Kind(value) if value in {kind.value for kind in Kind} else Kind.PEER_VIOLATION
