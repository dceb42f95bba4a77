"""A finding of the doctor: a named check, how it stands, and the sentence that says what to do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Level(StrEnum):
    """How a check stands."""

    OK = "ok"
    WARNING = "warning"  # all goes on; look at it in the next days
    FAILED = "failed"  # something does not work, or will not for long


@dataclass(frozen=True, slots=True)
class Check:
    """One finding.

    Args:
        name: which check, e.g. `certificate`.
        level: how it stands.
        code: of the sentence that says so, and what to do next.
        params: values for its placeholders; nothing personal.
    """

    name: str
    level: Level
    code: str
    params: Mapping[str, str] = field(default_factory=dict)


def worst(checks: Iterable[Check]) -> Level:
    """The worst level of all; ok if there are none."""
    order = list(Level)
    return max((check.level for check in checks), key=order.index, default=Level.OK)


def finding(name: str, level: Level, what: str, **params: object) -> Check:
    """A finding whose sentence is `DOCTOR_<NAME>_<WHAT>`."""
    return Check(name, level, f"DOCTOR_{name}_{what}".upper(), {key: str(value) for key, value in params.items()})
