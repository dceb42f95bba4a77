"""The country is divided without overlap and without a hole, or the cell is named with the parties."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.core.routing.strategies import REGIONS, directories

from twelve333.core.coverage.model import Consent, DayHours, Declaration, FallbackRule, FallbackWhen, Hours, Season, Span
from twelve333.core.coverage.partition import Fault, Proof, prove
from twelve333.core.registration.model import Unit, UnitStatus
from twelve333.data import declarations_2013, units_2013
from twelve333.testing.directory import a_declaration, a_unit

DAY = Hours(weekly=tuple(DayHours(day, (Span(480, 1080),)) for day in range(1, 8)))
NIGHT = Hours(weekly=tuple(DayHours(day, (Span(0, 480), Span(1080, 1440))) for day in range(1, 8)))
TOPICS, LANGUAGES = st.sampled_from(["", "01", "0102", "02"]), st.sampled_from(["zh", "ug"])
SHUT = Season((12, 1), (2, 28), ())
PROVINCE = a_declaration("350000", voicemail=True)
UNITS = [a_unit("350000"), a_unit("350100"), a_unit("350200"), a_unit("360000"), a_unit("360400")]


def faults(*declarations: Declaration) -> list[tuple[Fault, str, tuple[str, ...]]]:
    return [(finding.fault, finding.cell.region, finding.units) for finding in prove(UNITS, declarations).findings]


def test_the_country_of_2013_is_divided_without_overlap_and_hole() -> None:
    proof = prove(units_2013(), declarations_2013())
    assert proof.holds
    assert proof.cells >= 366


def test_a_sound_province_has_no_fault() -> None:
    assert faults(PROVINCE, a_declaration("350100", hours=DAY), a_declaration("350200")) == []


def test_two_that_answer_for_the_same_cell_are_named() -> None:
    consenting = a_declaration("350100", consents=(Consent("350200", ("350100",)),))
    assert faults(PROVINCE, consenting, a_declaration("350200", areas=("350200", "350100"))) == [
        (Fault.OVERLAP, "350100", ("350100", "350200"))
    ]


def test_a_day_desk_and_a_night_desk_share_an_area() -> None:
    consenting = a_declaration("350100", hours=DAY, consents=(Consent("350200", ("350100",)),))
    assert faults(PROVINCE, consenting, a_declaration("350200", areas=("350100",), hours=NIGHT)) == []


def test_a_topic_that_is_named_comes_before_all_topics() -> None:
    consenting = a_declaration("350100", consents=(Consent("350200", ("350100",), ("03",)),))
    assert faults(PROVINCE, consenting, a_declaration("350200", areas=("350100",), topics=("0301",))) == []


def test_an_area_of_somebody_else_needs_its_owners_consent() -> None:
    greedy = a_declaration("350200", areas=("350200", "360400"))
    found = faults(PROVINCE, a_declaration("350200"), a_declaration("360400", voicemail=True), greedy)
    assert (Fault.OUTSIDE, "360400", ("350200", "360400")) in found


def test_consent_for_a_topic_covers_no_other() -> None:
    consenting = a_declaration("350100", consents=(Consent("350200", ("350100",), ("03",)),))
    assert (Fault.OUTSIDE, "350100", ("350200", "350100")) in faults(
        PROVINCE, consenting, a_declaration("350200", areas=("350100",), topics=("04",))
    )


def test_an_hour_at_which_nobody_answers_is_a_gap() -> None:
    [finding] = prove(UNITS, [a_declaration("360400", hours=DAY, voicemail=False)]).findings[:1]
    assert (finding.fault, finding.cell.region, finding.cell.weekday, finding.cell.start, finding.cell.end) == (
        Fault.GAP,
        "360400",
        1,
        0,
        480,
    )


def test_a_gap_in_one_season_is_found() -> None:
    winter = Hours(
        always=False, weekly=tuple(DayHours(day, (Span(0, 1440),)) for day in range(1, 8)), seasons=(Season((12, 1), (2, 28), ()),)
    )
    assert {fault for fault, _, _ in faults(a_declaration("360400", hours=winter))} == {Fault.GAP, Fault.NO_FALLBACK}


def test_an_answering_machine_closes_the_gap() -> None:
    assert faults(a_declaration("360400", hours=replace(DAY, machine=True))) == []


def test_a_unit_with_nobody_behind_it_is_named() -> None:
    assert faults(a_declaration("360400")) == [(Fault.NO_FALLBACK, "360400", ("360400",))]


def test_a_fallback_that_only_stands_in_at_night_is_none_by_day() -> None:
    alone = a_declaration("360400", fallbacks=("350100",), fallback_rules=(FallbackRule("350100", FallbackWhen.CLOSED),))
    assert (Fault.NO_FALLBACK, "360400", ("360400",)) in faults(alone, a_declaration("350100"), a_declaration("350000"))


def test_fallbacks_that_lead_back_are_named() -> None:
    ring = [
        a_declaration("350100", fallbacks=("350200",)),
        a_declaration("350200", fallbacks=("360400",)),
        a_declaration("360400", fallbacks=("350100",)),
    ]
    assert (Fault.CYCLE, "", ("350100", "350200", "360400")) in faults(PROVINCE, *ring)


@pytest.mark.parametrize(
    ("mine", "theirs", "closed"),
    [
        (FallbackRule("350200", FallbackWhen.BUSY), FallbackRule("350100", FallbackWhen.CLOSED), False),
        (FallbackRule("350200", FallbackWhen.BUSY), FallbackRule("350100", FallbackWhen.BUSY), True),
        (FallbackRule("350200", topics=("01",)), FallbackRule("350100", topics=("02",)), False),
        (FallbackRule("350200", topics=("01",)), FallbackRule("350100", topics=("0102",)), True),
    ],
)
def test_neighbours_may_stand_in_for_each_other_at_different_times(mine: FallbackRule, theirs: FallbackRule, closed: bool) -> None:
    both = [
        a_declaration("350100", fallbacks=("350200",), fallback_rules=(mine,)),
        a_declaration("350200", fallbacks=("350100",), fallback_rules=(theirs,)),
    ]
    assert any(fault is Fault.CYCLE for fault, _, _ in faults(PROVINCE, *both)) is closed


def test_planned_and_closed_units_do_not_count() -> None:
    planned = [replace(unit, status=UnitStatus.PLANNED) for unit in UNITS]
    assert prove(planned, [a_declaration("360400")]) == Proof((), 0)


def test_a_district_that_only_a_planned_unit_names_is_no_cell_of_its_own() -> None:
    planned = [replace(unit, status=UnitStatus.PLANNED) if unit.code == "350100" else unit for unit in UNITS]
    proof = prove(planned, [replace(PROVINCE, languages=("ug",)), a_declaration("350100", areas=("350100", "350102"))])
    assert {finding.cell.region for finding in proof.findings} == {"350000", "350100", "350200"}


def test_only_what_is_new_is_held_against_a_change() -> None:
    before = prove(UNITS, [a_declaration("360400")])
    after = prove(UNITS, [a_declaration("360400"), a_declaration("350200")])
    assert [(finding.fault, finding.units) for finding in after.new_since(before)] == [(Fault.NO_FALLBACK, ("350200",))]


@settings(max_examples=150)
@given(
    directories(),
    st.sampled_from(REGIONS),
    st.sampled_from(["", "01", "0102", "02"]),
    st.sampled_from(["zh", "ug"]),
    st.integers(0, 10_079),
)
def test_the_proof_agrees_with_looking_at_any_minute(
    directory: tuple[list[Unit], list[Declaration], set[str]], region: str, topic: str, language: str, minute: int
) -> None:
    units, declarations, _ = directory
    consenting = [
        replace(it, consents=tuple(Consent(other.code, (it.unit,)) for other in units if other.code != it.unit)) for it in declarations
    ]
    first = answering_first(units, consenting, region, topic, language, minute)
    findings = [each for each in prove(units, consenting).findings if each.fault in (Fault.GAP, Fault.OVERLAP)]
    wrong = {(each.fault, each.cell.region) for each in findings}
    for each in findings:  # and each cell that it names is wrong indeed
        cell = each.cell
        found = answering_first(units, consenting, cell.region, cell.topic, cell.language, (cell.weekday - 1) * 1440 + cell.start)
        assert tuple(sorted(found or ())) == each.units
    if first is not None and len(first) != 1 and language in spoken(units, consenting, region):
        assert (Fault.OVERLAP if first else Fault.GAP, region) in wrong


def spoken(units: list[Unit], declarations: list[Declaration], region: str) -> set[str]:
    """The languages that are owed in a region: Chinese, and what somebody who answers for it declares; none where nobody is registered."""
    counted = {unit.code for unit in units if unit.status.value in ("registered", "verified", "open", "suspended")}
    if region not in {*(unit.code for unit in units), *(area for it in declarations if it.unit in counted for area in it.areas)}:
        return set()
    places = {region, region[:4] + "00", region[:2] + "0000"}
    return {"zh", *(language for it in declarations if it.unit in counted and places & {*it.areas} for language in it.languages)}


def answering_first(
    units: list[Unit], declarations: list[Declaration], region: str, topic: str, language: str, minute: int
) -> list[str] | None:
    """Who answers first at a minute of an ordinary week; None where nobody declared anything."""
    counted = {unit.code for unit in units if unit.status.value in ("registered", "verified", "open", "suspended")}
    weekday, of_day = minute // 1440 + 1, minute % 1440
    anybody = False
    for place in dict.fromkeys((region, region[:4] + "00", region[:2] + "0000")):
        level = [it for it in declarations if it.unit in counted and place in it.areas]
        anybody |= bool(level)
        rated = []
        for it in level:
            lengths = [1 if prefix == "*" else len(prefix) + 1 for prefix in it.topics if prefix == "*" or topic.startswith(prefix)]
            if lengths and language in it.languages:
                rated.append((max(lengths), it))
        level = [it for rate, it in rated if rate == max(rated, key=lambda pair: pair[0])[0]]
        there = [
            it.unit
            for it in level
            if it.hours.always
            or any(span.start <= of_day < span.end for day in it.hours.weekly if day.weekday == weekday for span in day.spans)
        ]
        there = there or [it.unit for it in level if it.voicemail or it.hours.machine]
        if there:
            return there
    return [] if anybody else None
