"""Coverage survives the wire unchanged."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from tests.core.routing.strategies import NOW, directories

from twelve333.api.coverage.v1 import coverage_pb2 as pb
from twelve333.core.coverage.declaring import check
from twelve333.core.coverage.model import (
    Candidate,
    CityHotline,
    Consent,
    Contact,
    DayHours,
    Declaration,
    FallbackRule,
    FallbackWhen,
    Grant,
    HolidayHours,
    Hours,
    Relation,
    Season,
    SkillSeats,
    Span,
    Verdict,
)
from twelve333.core.coverage.report import report
from twelve333.core.coverage.rules import who_answers
from twelve333.core.coverage.snapshot import Snapshot
from twelve333.core.decision import Refused
from twelve333.core.registration.model import Unit
from twelve333.data import units_2013
from twelve333.testing.directory import a_declaration
from twelve333.wire.coverage import (
    answer_from_wire,
    answer_to_wire,
    candidate_from_wire,
    candidate_to_wire,
    report_from_wire,
    report_to_wire,
)
from twelve333.wire.declarations import declaration_from_wire, declaration_to_wire


@given(directories())
def test_declarations_and_answers_come_back_as_they_went(directory: tuple[list[Unit], list[Declaration], set[str]]) -> None:
    units, declarations, members = directory
    for declaration in declarations:
        travelled = pb.Declaration.FromString(declaration_to_wire(declaration).SerializeToString())
        assert declaration_from_wire(travelled) == declaration
    answer = who_answers(Snapshot.of(3, units, declarations, members), "350100", "01", "zh", NOW)
    assert answer_from_wire(answer_to_wire(answer)) == answer


def test_everything_a_unit_may_declare_comes_back_as_it_went() -> None:
    week = (DayHours(1, (Span(480, 720), Span(810, 1050))),)
    hours = Hours(False, week, (), (Season((5, 1), (9, 30), week), Season((11, 1), (2, 29), ())), HolidayHours.CLOSED, 1, True)
    declared = a_declaration(
        "350100",
        hours=hours,
        fallbacks=("360400", "350000"),
        consents=(Consent("350200", ("350182",), ("01",)),),
        fallback_rules=(FallbackRule("360400", FallbackWhen.BUSY, ("0102",), ("zh",)), FallbackRule("350000", FallbackWhen.CLOSED)),
        skills=(SkillSeats("0102", "", 3), SkillSeats("", "ug", 1)),
        grants=(Grant("360000", 2, ("01",)), Grant("*", 1)),
        more_targets=("tel:+8659112333",),
        contact=Contact("咨询服务科", "tel:+8659187654321"),
        city_hotline=CityHotline.SUB_CENTRE,
        in_force_from=date(2014, 4, 1),
        reserved_pct=0,
    )
    assert check(declared, "350100", {"360400", "350000"}) is None
    assert declaration_from_wire(pb.Declaration.FromString(declaration_to_wire(declared).SerializeToString())) == declared


@pytest.mark.parametrize(
    ("wrong", "path"),
    [
        (pb.Declaration(in_force_from="soon"), "in_force_from"),
        (pb.Declaration(hours=pb.Hours(seasons=[pb.Season(first="13-01", last="01-01")])), "hours.seasons[0].first"),
        (pb.Declaration(hours=pb.Hours(exceptions=[pb.DateHours(date="2014-02-30")])), "hours.exceptions[0].date"),
    ],
)
def test_a_date_that_is_none_is_named_by_its_field(wrong: pb.Declaration, path: str) -> None:
    with pytest.raises(Refused) as refused:
        declaration_from_wire(wrong)
    assert [violation.path for violation in refused.value.refusal.violations] == [path]


def test_the_report_comes_back_as_it_went() -> None:
    counted = report(units_2013())
    travelled = report_to_wire(counted, 9)
    assert report_from_wire(travelled) == counted
    assert (travelled.total.open_permille, travelled.total.with_system_permille, travelled.directory_version) == (872, 837, 9)


def test_a_share_of_nothing_stays_absent() -> None:
    travelled = report_to_wire(report([]), 1)
    assert not travelled.total.HasField("open_permille")


@pytest.mark.parametrize("verdict", list(Verdict))
@pytest.mark.parametrize("relation", list(Relation))
def test_every_verdict_and_relation_travels(verdict: Verdict, relation: Relation) -> None:
    candidate = Candidate("350100", "350000", relation, verdict)
    assert candidate_from_wire(candidate_to_wire(candidate)) == candidate


def test_a_verdict_of_a_newer_peer_never_counts_as_can_answer() -> None:
    assert not candidate_from_wire(pb.Candidate(unit="350100", verdict=pb.Verdict.ValueType(99))).can_answer


def test_a_date_that_is_none_is_refused_with_its_field() -> None:
    hours = pb.Hours(exceptions=[pb.DateHours(date="2014-02-30")])
    with pytest.raises(Refused) as refused:
        declaration_from_wire(pb.Declaration(unit="350100", hours=hours))
    assert refused.value.refusal.violations[0].path == "hours.exceptions[0].date"
