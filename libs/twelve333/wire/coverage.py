"""Questions about coverage and their answers on the wire. What a newer peer says and we do not know counts as "cannot answer"."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Final

from google.protobuf.timestamp_pb2 import Timestamp

from ..api.coverage.v1 import coverage_pb2 as pb
from ..api.coverage.v1 import service_pb2
from ..core.coverage import codes
from ..core.coverage.model import Candidate, Relation, Told, Verdict
from ..core.coverage.report import Lack, Line, Missing, Report
from ..core.coverage.rules import Answer
from ..core.decision import Refused, refuse
from .times import from_timestamp

_YEAR_2000: Final = 946_684_800
_YEAR_2100: Final = 4_102_444_800
_NANOS: Final = 1_000_000_000
_RELATION_OUT: Final = {relation: pb.Relation.Value(f"RELATION_{relation.name}") for relation in Relation}
_RELATION_IN: Final = {wire: relation for relation, wire in _RELATION_OUT.items()}
_VERDICT_OUT: Final = {verdict: pb.Verdict.Value(f"VERDICT_{verdict.name}") for verdict in Verdict}
_TOLD_OUT: Final = {Told.NOTHING: pb.TOLD_UNSPECIFIED, Told.FRESH: pb.TOLD_FRESH, Told.STALE: pb.TOLD_STALE}
_TOLD_IN: Final = {wire: told for told, wire in _TOLD_OUT.items()}
_VERDICT_IN: Final = {wire: verdict for verdict, wire in _VERDICT_OUT.items()}


def asked_time(stamp: Timestamp) -> datetime:
    """A time that somebody asks about.

    Raises:
        Refused: COVERAGE_TIME_OUT_OF_RANGE, outside of the years 2000 to 2099.
    """
    if not _YEAR_2000 <= stamp.seconds < _YEAR_2100 or not 0 <= stamp.nanos < _NANOS:
        raise Refused(refuse(codes.TIME_OUT_OF_RANGE))
    return from_timestamp(stamp)


def candidate_to_wire(candidate: Candidate) -> pb.Candidate:
    """A candidate as it travels."""
    relation, verdict = _RELATION_OUT[candidate.relation], _VERDICT_OUT[candidate.verdict]
    told = _TOLD_OUT[candidate.told]
    return pb.Candidate(
        unit=candidate.unit,
        member=candidate.member,
        relation=relation,
        verdict=verdict,
        rule=candidate.rule,
        told=told,
        reserved=candidate.reserved,
    )


def candidate_from_wire(candidate: pb.Candidate) -> Candidate:
    """A candidate as it was told."""
    relation = _RELATION_IN.get(candidate.relation, Relation.AGREEMENT)
    verdict, told = _VERDICT_IN.get(candidate.verdict, Verdict.UNIT_NOT_OPEN), _TOLD_IN.get(candidate.told, Told.NOTHING)
    return Candidate(candidate.unit, candidate.member, relation, verdict, candidate.rule, told, candidate.reserved)


def answer_to_wire(answer: Answer) -> service_pb2.ResolveCoverageResponse:
    """Who answers, as it travels."""
    candidates = [candidate_to_wire(candidate) for candidate in answer.candidates]
    return service_pb2.ResolveCoverageResponse(unit=answer.unit, candidates=candidates, directory_version=answer.version)


def answer_from_wire(answer: service_pb2.ResolveCoverageResponse) -> Answer:
    """Who answers, as it was told."""
    return Answer(answer.unit, tuple(map(candidate_from_wire, answer.candidates)), answer.directory_version)


def report_to_wire(report: Report, version: int, by_plan: Iterable[str] = ()) -> service_pb2.GetCoverageResponse:
    """The counts as they travel, with the version of the directory they were made from, and the units counted by plan only."""
    return service_pb2.GetCoverageResponse(
        provinces=[_line_out(line) for line in report.provinces],
        total=_line_out(report.total),
        short_of_open=report.short_of_open,
        short_of_with_system=report.short_of_with_system,
        directory_version=version,
        by_plan=by_plan,
        missing=[
            service_pb2.MissingUnit(code=it.code, name=it.name, province=it.province, lack=pb.Lack.Value(f"LACK_{it.lack.name}"))
            for it in report.missing
        ],
    )


def report_from_wire(report: service_pb2.GetCoverageResponse) -> Report:
    """The counts as they were told."""
    provinces, total = tuple(map(_line_in, report.provinces)), _line_in(report.total)
    return Report(provinces, total, report.short_of_open, report.short_of_with_system, tuple(report.by_plan), _missing_in(report.missing))


def _missing_in(missing: Iterable[service_pb2.MissingUnit]) -> tuple[Missing, ...]:
    """Those who say what they lack in a word that is known here."""
    words = {pb.Lack.Value(f"LACK_{lack.name}"): lack for lack in Lack}
    return tuple(Missing(it.code, it.name, it.province, words[it.lack]) for it in missing if it.lack in words)


def _line_out(line: Line) -> pb.CoverageLine:
    return pb.CoverageLine(
        province=line.province,
        name=line.name,
        units=line.units,
        open=line.open,
        with_system=line.with_system,
        open_permille=_permille(line.open_pct),
        with_system_permille=_permille(line.with_system_pct),
        not_open=line.not_open,
        silent=line.silent,
    )


def _line_in(line: pb.CoverageLine) -> Line:
    return Line(line.province, line.name, line.units, line.open, line.with_system, tuple(line.not_open), tuple(line.silent))


def _permille(percent: Decimal | None) -> int | None:
    return None if percent is None else int(percent * 10)
