"""Nothing is published that divides the country with an overlap or a hole that was not there before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Final

from sqlalchemy import Connection

from twelve333.adapters.sql.aside import aside
from twelve333.api.common.v1 import common_pb2
from twelve333.api.registration.v1 import registration_pb2
from twelve333.core.coverage.claims import declared_claims
from twelve333.core.coverage.codes import FROM_DAY, PARTITION_FAULTS
from twelve333.core.coverage.dated import begins_at, in_force
from twelve333.core.coverage.hours import clock_text
from twelve333.core.coverage.model import Declaration
from twelve333.core.coverage.partition import Finding, Proof, prove
from twelve333.core.decision import FieldViolation, Refusal, Refused, refuse
from twelve333.core.registration.model import Unit
from twelve333.core.routing.codes import FORWARDS_CROSS
from twelve333.core.routing.forwards import forward_rings
from twelve333.core.routing.policy import Policy
from twelve333.wire.declarations import declaration_from_wire
from twelve333.wire.policy import policy_from_wire
from twelve333.wire.registration import unit_from_wire

from ..store import coverage as declarations
from ..store import policies
from ..store import registration as store

FINDINGS_TOLD_MAX: Final = 20


def refuse_new_faults(tx: Connection, now: datetime) -> None:
    """Refuse the unit of work if it breaks the partition, now or on a day to come, where the present directory does not.

    Raises:
        Refused: COVERAGE_GAP, _OVERLAP, _NO_FALLBACK, _CYCLE or _OUTSIDE with the cell and the parties; further ones as violations, the day
            before them if it is one to come; ROUTING_FORWARDS_CROSS for fallbacks that lead back over somebody's rules.
    """
    ahead = list(map(declaration_from_wire, declarations.load_upcoming(tx, now)))
    after = _Register(tuple(store.load_units(tx)), tuple(map(declaration_from_wire, declarations.load_declarations(tx, now))), tuple(ahead))
    rules = list(map(policy_from_wire, policies.load_policies(tx)))
    for at in [now, *sorted({begins_at(each.in_force_from) for each in ahead if each.in_force_from})]:
        # The whole country is proved: seconds of computing, for which nobody else is to wait.
        proof, rings = aside(tx, partial(after.proved, at)), aside(tx, partial(after.crossings, rules, at))
        if not proof.holds and (new := proof.new_since(aside(tx, partial(_published(tx).proved, at)))):
            raise Refused(_refusal(new, at.date().isoformat() if at > now else ""))
        if rings and (crossed := rings - aside(tx, partial(_published(tx).crossings, rules, at))):
            raise Refused(refuse(FORWARDS_CROSS, units=" → ".join([*min(crossed), min(crossed)[0]])))


@dataclass(frozen=True, slots=True)
class _Register:
    """Units, what they declare now, and what for days to come."""

    units: tuple[Unit, ...] = ()
    present: tuple[Declaration, ...] = ()
    ahead: tuple[Declaration, ...] = ()

    def proved(self, at: datetime) -> Proof:
        return prove(self.units, self._declared(at))

    def crossings(self, rules: Sequence[Policy], at: datetime) -> set[tuple[str, ...]]:
        """The rings that rules and fallbacks make."""
        claims = declared_claims({unit.code: unit for unit in self.units}, self._declared(at)) if rules else {}
        return {ring for policy in rules for _, ring in forward_rings(policy, rules, claims)}

    def _declared(self, at: datetime) -> list[Declaration]:
        return list(in_force({each.unit: each for each in self.present}, self.ahead, at).values())


def _published(tx: Connection) -> _Register:
    row = store.load_directory(tx)
    if row is None:
        return _Register()
    directory = registration_pb2.Directory.FromString(common_pb2.SignedDocument.FromString(row.document).payload)
    present, ahead = map(declaration_from_wire, directory.declarations), map(declaration_from_wire, directory.upcoming)
    return _Register(tuple(map(unit_from_wire, directory.units)), tuple(present), tuple(ahead))


def _refusal(findings: tuple[Finding, ...], day: str) -> Refusal:
    first, others = findings[0], findings[1:FINDINGS_TOLD_MAX]
    when = (FieldViolation("in_force_from", FROM_DAY, {"day": day}),) if day else ()
    violations = tuple(FieldViolation(finding.cell.region, PARTITION_FAULTS[finding.fault.value], _params(finding)) for finding in others)
    return Refusal(PARTITION_FAULTS[first.fault.value], _params(first), (*when, *violations))


def _params(finding: Finding) -> dict[str, str]:
    cell, units = finding.cell, finding.units
    return {
        "region": cell.region,
        "topic": cell.topic or "*",
        "language": cell.language,
        "weekday": str(cell.weekday),
        "start": clock_text(cell.start),
        "end": clock_text(cell.end),
        "unit": units[0] if units else "",
        "other": units[1] if len(units) > 1 else "–",
        "units": ", ".join(units),
    }
