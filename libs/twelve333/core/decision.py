"""What every rule of the core returns: a decision (new state and the facts to tell) or a refusal with a stable code.

A refusal is a valid request whose answer is no: nothing has changed. A peer that breaks the contract is a refusal of
kind ``PEER_VIOLATION``; something that is away is ``UNAVAILABLE`` and may be tried again. A bug raises and crashes the step.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum
from typing import Generic, TypeVar

S = TypeVar("S")


class Kind(Enum):
    """Whose turn it is after a refusal; decides the gRPC status and the exit code of the command line."""

    INVALID = "invalid"  # the request is malformed: change it
    NOT_FOUND = "not_found"  # what it names is not here
    CONFLICT = "conflict"  # the present state does not allow it
    DENIED = "denied"  # this caller may not
    UNAUTHENTICATED = "unauthenticated"  # we do not know this caller
    EXHAUSTED = "exhausted"  # a limit is reached: later, or less
    UNAVAILABLE = "unavailable"  # something needed is away: try again
    TIMED_OUT = "timed_out"  # the deadline passed
    PEER_VIOLATION = "peer_violation"  # the other side broke the contract


@dataclass(frozen=True, slots=True)
class Code:
    """A stable reason. `name` is UPPER_SNAKE, starts with its capability, and never changes once released."""

    name: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class FieldViolation:
    """One wrong field of a request: its path as in the proto (`entries[3].unit.code`), and the code whose sentence explains it."""

    path: str
    code: Code
    params: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Refusal:
    """The answer no.

    Args:
        code: stable reason; its sentence lives in the message catalogue.
        params: values for the placeholders of that sentence; never anything personal.
        violations: the fields at fault, if the request is malformed.
        retry_after: how long to wait before asking again, if waiting can help.
    """

    code: Code
    params: Mapping[str, str] = field(default_factory=dict)
    violations: tuple[FieldViolation, ...] = ()
    retry_after: timedelta | None = None


class Refused(Exception):
    """Carries a refusal out of a transaction, which thereby leaves nothing behind."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(" ".join([refusal.code.name, *(f"{name}={value}" for name, value in refusal.params.items())]))
        self.refusal = refusal


@dataclass(frozen=True, slots=True)
class Decision(Generic[S]):
    """The answer yes: the state to keep and the facts to tell, to be written in one transaction.

    Args:
        state: the new state.
        events: facts of the capability's own `messages` module, in order.
    """

    state: S
    events: tuple[object, ...] = ()


def accepted(outcome: Decision[S] | Refusal) -> Decision[S]:
    """Return the decision, or raise `Refused` so that the surrounding transaction is rolled back."""
    if isinstance(outcome, Refusal):
        raise Refused(outcome)
    return outcome


def refuse(code: Code, /, *, retry_after: timedelta | None = None, **params: object) -> Refusal:
    """Build a refusal whose sentence is filled with `params`."""
    return Refusal(code, {name: str(value) for name, value in params.items()}, retry_after=retry_after)
