"""A time that somebody types means the same in every flag and file: Chinese official time, unless a zone is said."""

from __future__ import annotations

from datetime import time

import pytest

from twelve333.cli.typed_times import moment_of


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("2014-06-30", "2014-06-30T00:00:00+08:00"),
        (" 2014-06-30T12:00 ", "2014-06-30T12:00:00+08:00"),
        ("2014-06-30 12:00", "2014-06-30T12:00:00+08:00"),
        ("2014-06-30T12:00Z", "2014-06-30T12:00:00+00:00"),
        ("2014-06-30 12:00+09:00", "2014-06-30T12:00:00+09:00"),
    ],
)
def test_a_time_without_a_zone_is_chinese_official_time(typed: str, meant: str) -> None:
    assert moment_of(typed).isoformat() == meant


def test_a_day_alone_is_its_begin_or_the_time_asked_for() -> None:
    assert moment_of("2014-06-30", time.max).isoformat() == "2014-06-30T23:59:59.999999+08:00"
    assert moment_of("2014-06-30T01:00", time.max).hour == 1


@pytest.mark.parametrize("typed", ["", "tomorrow", "2014-06-31", "2014-06-30T25:00"])
def test_what_is_no_time_is_refused(typed: str) -> None:
    with pytest.raises(ValueError, match=r"isoformat|day is out of range|hour must be"):
        moment_of(typed)
