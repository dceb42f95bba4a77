"""One exception for every way a call can end badly: a stable code, whose turn it is, and a sentence in the caller's language."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import grpc

from ..catalogue import catalogue
from ..core.decision import Code, Kind, Refusal, refuse
from ..wire import codes
from ..wire.status import DETAILS_KEY, Problem, parse_details


@dataclass(frozen=True, slots=True)
class Target:
    """Whom a call goes to, for the sentence when it fails.

    Args:
        member: `hub` or a province code.
        address: `host:port` that was dialled.
        seconds: the deadline of the call.
        locale: `en` or `zh`.
    """

    member: str = "service"
    address: str = "?"
    seconds: float = 0.0
    locale: str = catalogue.DEFAULT_LOCALE


@dataclass(frozen=True, slots=True)
class Violation:
    """A wrong field of the request: its path as in the proto, and why, in words."""

    path: str
    sentence: str

    def __str__(self) -> str:
        return f"{self.path}: {self.sentence}"


class ServiceError(Exception):
    """The service refused, or could not be asked.

    Args:
        refusal: code, kind, parameters, when to retry.
        sentence: for people, in the language of the connection.
        violations: the fields at fault.
    """

    def __init__(self, refusal: Refusal, sentence: str, violations: tuple[Violation, ...] = ()) -> None:
        super().__init__(f"{refusal.code.name}: {sentence}")
        self.refusal = refusal
        self.sentence = sentence
        self.violations = violations

    @property
    def code(self) -> str:
        """The stable code, e.g. `CASES_NOT_FOUND`."""
        return self.refusal.code.name

    @property
    def kind(self) -> Kind:
        """Whose turn it is."""
        return self.refusal.code.kind

    @property
    def retry_after(self) -> timedelta | None:
        """How long the service asks us to wait, if waiting helps."""
        return self.refusal.retry_after


# What a failure below gRPC's own statuses means to a person.
_BY_STATUS: Final = {grpc.StatusCode.UNAVAILABLE: codes.UNREACHABLE, grpc.StatusCode.DEADLINE_EXCEEDED: codes.NO_ANSWER}
_HANDSHAKE: Final = ("CERTIFICATE_VERIFY_FAILED", "TSI_PROTOCOL_FAILURE", "Hostname Verification", "handshake failed")


def service_error(error: grpc.aio.AioRpcError, target: Target) -> ServiceError:
    """What a failed RPC means: the rich status if the service sent one, else what the transport tells."""
    problem = _problem(error, target.locale)
    if problem:
        return ServiceError(problem.refusal, problem.sentence, tuple(Violation(path, text) for path, text in problem.violations))
    refusal = refuse(_code(error), member=target.member, address=target.address, seconds=f"{target.seconds:g}", status=error.code().name)
    return ServiceError(refusal, catalogue.sentence(refusal.code, refusal.params, target.locale))


@contextmanager
def raising_service_errors(target: Target | None = None) -> Iterator[None]:
    """Around an RPC made with a plain stub: raises `ServiceError` instead of gRPC's error."""
    try:
        yield
    except grpc.aio.AioRpcError as error:
        raise service_error(error, target or Target()) from error


def _problem(error: grpc.aio.AioRpcError, locale: str) -> Problem | None:
    details = next((value for key, value in error.trailing_metadata() or () if key == DETAILS_KEY), b"")
    return parse_details(bytes(details), locale) if isinstance(details, bytes) else None


def _code(error: grpc.aio.AioRpcError) -> Code:
    told = f"{error.details()} {error.debug_error_string()}"
    if error.code() is grpc.StatusCode.UNAVAILABLE and any(word in told for word in _HANDSHAKE):
        return codes.NOT_TRUSTED
    return _BY_STATUS.get(error.code(), codes.UNEXPECTED)
