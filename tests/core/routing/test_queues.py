"""What is believed of queues: told by their own node, in order, for seconds only."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from math import nan

import pytest
from tests.core.routing.strategies import NOW

from twelve333.api.routing.v1 import queue_pb2 as pb
from twelve333.core.routing import codes
from twelve333.core.routing.queues import FIGURE_MAX, LIFETIME, LIFETIME_MAX, Report, Told, admitted, check_report, hear
from twelve333.core.routing.rates import Ceiling, Share
from twelve333.testing.directory import a_unit
from twelve333.wire.queues import decode_told, encode_told, shares_from_wire, shares_to_wire

UNITS = {unit.code: unit for unit in (a_unit("350000"), a_unit("350100"), a_unit("360000"))}
REPORT = Report(True, 3, 1, 20)


def told(at: timedelta = timedelta(), lifetime: timedelta = LIFETIME, **reports: Report) -> Told:
    return Told("350000", NOW + at, lifetime, {name.removeprefix("u"): report for name, report in (reports or {"u350100": REPORT}).items()})


def test_what_a_node_tells_of_its_own_units_is_believed_for_its_lifetime() -> None:
    heard = hear(told(), None, UNITS, NOW + timedelta(hours=1))  # its clock is an hour behind: ours counts
    assert set(heard) == {"350100"}
    assert (heard["350100"].free, heard["350100"].expires_at) == (3, NOW + timedelta(hours=1) + LIFETIME)


def test_nobody_speaks_of_anothers_units() -> None:
    assert hear(told(u360000=REPORT, u999900=REPORT), None, UNITS, NOW) == {}


@pytest.mark.parametrize("late", [timedelta(), timedelta(seconds=-1)])
def test_what_comes_late_or_twice_is_dropped(late: timedelta) -> None:
    assert hear(told(late), NOW, UNITS, NOW) == {}
    assert hear(told(timedelta(milliseconds=1)), NOW, UNITS, NOW)


def test_nobody_is_believed_for_longer_than_ten_seconds() -> None:
    assert hear(told(lifetime=timedelta(hours=1)), None, UNITS, NOW)["350100"].expires_at == NOW + LIFETIME_MAX


@pytest.mark.parametrize(
    ("unit", "report", "code"),
    [
        ("360000", REPORT, codes.UNIT_NOT_SERVED_HERE),
        ("999900", REPORT, codes.UNIT_NOT_SERVED_HERE),
        ("350100", Report(True, FIGURE_MAX + 1, 0, 0), codes.QUEUE_IMPOSSIBLE),
        ("350100", Report(True, 0, 0, -1), codes.QUEUE_IMPOSSIBLE),
    ],
)
def test_a_report_that_cannot_be_is_refused(unit: str, report: Report, code: object) -> None:
    refusal = check_report(unit, report, UNITS, "350000")
    assert refusal is not None
    assert refusal.code is code


def test_what_is_told_comes_back_as_it_went() -> None:
    assert decode_told(encode_told(told(u350100=REPORT, u350000=Report(False, 0, 9, 600)))) == told(
        u350100=REPORT, u350000=Report(False, 0, 9, 600)
    )


@pytest.mark.parametrize("data", [b"\xff", b"", b"\x0a\x06nobody", b"\x00" * 70_000])
def test_what_cannot_be_read_is_nothing(data: bytes) -> None:
    assert decode_told(data) is None


def test_of_a_node_that_knew_no_declared_part_a_fifth_at_least_is_kept_and_of_others_what_they_say() -> None:
    said = [pb.AdmittedRate(unit="350100", per_minute=60, priority_per_minute=kept) for kept in (0, 12, 30)]
    assert [it.priority for it in shares_from_wire(said)] == [12, 12, 30]
    shares = (Share("350100", "", 60.0, ("360000",)), Share("350100", "03", 60.0, ("360000",), 6.0))
    assert shares_from_wire(shares_to_wire(shares)) == shares


def test_what_of_a_rate_cannot_be_kept_is_not_believed() -> None:
    shares = tuple(Share("350100", topic, 60.0, ("360000",), kept) for topic, kept in (("", 61.0), ("03", -1.0), ("04", nan), ("05", 60.0)))
    assert admitted(replace(told(), shares=shares), UNITS, "360000") == {"350100": [Ceiling("05", 60.0, 60.0)]}
