"""Nothing is published that divides the country with an overlap or a hole that was not there before."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection

from twelve333.api.common.v1 import common_pb2
from twelve333.api.registration.v1 import registration_pb2
from twelve333.core.coverage.codes import PARTITION_FAULTS
from twelve333.core.coverage.partition import Finding, Proof, prove
from twelve333.core.decision import FieldViolation, Refusal, Refused
from twelve333.wire.declarations import declaration_from_wire
from twelve333.wire.registration import unit_from_wire

from ..store import coverage as declarations
from ..store import registration as store

FINDINGS_TOLD_MAX: Final = 20


def refuse_new_faults(tx: Connection) -> None:
    """Refuse the unit of work if what is registered in it breaks the partition where the present directory does not.

    Raises:
        Refused: COVERAGE_GAP, _OVERLAP, _NO_FALLBACK, _CYCLE or _OUTSIDE with the cell and the parties; further ones as violations.
    """
    after = prove(store.load_units(tx), map(declaration_from_wire, declarations.load_declarations(tx)))
    if after.holds:
        return
    if new := after.new_since(_published(tx)):
        raise Refused(_refusal(new))


def _published(tx: Connection) -> Proof:
    row = store.load_directory(tx)
    if row is None:
        return Proof((), 0)
    directory = registration_pb2.Directory.FromString(common_pb2.SignedDocument.FromString(row.document).payload)
    return prove(map(unit_from_wire, directory.units), map(declaration_from_wire, directory.declarations))


def _refusal(findings: tuple[Finding, ...]) -> Refusal:
    first, others = findings[0], findings[1:FINDINGS_TOLD_MAX]
    violations = tuple(FieldViolation(finding.cell.region, PARTITION_FAULTS[finding.fault.value], _params(finding)) for finding in others)
    return Refusal(PARTITION_FAULTS[first.fault.value], _params(first), violations)


def _params(finding: Finding) -> dict[str, str]:
    cell, units = finding.cell, finding.units
    return {
        "region": cell.region,
        "topic": cell.topic or "*",
        "language": cell.language,
        "weekday": str(cell.weekday),
        "start": _clock(cell.start),
        "end": _clock(cell.end),
        "unit": units[0] if units else "",
        "other": units[1] if len(units) > 1 else "–",
        "units": ", ".join(units),
    }


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"
