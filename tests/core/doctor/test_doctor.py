"""What a measured value means: ok, a warning that leaves time, or a failure, each with a sentence that says what to do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from twelve333.catalogue import catalogue
from twelve333.core.delivery.status import Alarm, DeliveryStatus, InboxStatus, OutboxStatus
from twelve333.core.doctor import rules
from twelve333.core.doctor.model import Check, Level, worst
from twelve333.core.registration.freshness import Freshness

NOW = datetime(2026, 3, 30, tzinfo=UTC)


def waiting(minutes: float, work: int = 0, **more: object) -> DeliveryStatus:
    since = NOW - timedelta(minutes=minutes)
    return DeliveryStatus("320000", 1, (OutboxStatus("350000", 3, 9, since, work),), (), backlog_max=100, **more)  # type: ignore[arg-type]


ALARM = Alarm("350000", "DELIVERY_FORKED", "", 1, NOW, NOW - timedelta(days=1))
PARKED = DeliveryStatus("320000", 1, (), (InboxStatus("hub", 1, 1, 1, 0, 0, 0, 2),))
FOUND: list[tuple[Check, Level, str]] = [
    (rules.judge_configuration([]), Level.OK, "OK"),
    (rules.judge_configuration(["broker.plain_payloads"]), Level.WARNING, "LOOSE"),
    (rules.judge_certificates({"federation": NOW + timedelta(days=20), "desk": NOW + timedelta(days=60)}, NOW), Level.OK, "OK"),
    (rules.judge_certificates({"federation": NOW + timedelta(days=6), "desk": NOW + timedelta(days=60)}, NOW), Level.WARNING, "LATE"),
    (rules.judge_certificates({"federation": NOW + timedelta(days=60), "desk": NOW}, NOW), Level.FAILED, "ENDED"),
    (rules.judge_clock(timedelta(seconds=-4)), Level.OK, "OK"),
    (rules.judge_clock(timedelta(seconds=-6)), Level.WARNING, "OFF"),
    (rules.judge_clock(timedelta(minutes=2)), Level.FAILED, "OFF"),
    (rules.judge_clock(None), Level.WARNING, "ALONE"),
    (rules.judge_disk(2000, "/data"), Level.OK, "OK"),
    (rules.judge_disk(500, "/data"), Level.WARNING, "LOW"),
    (rules.judge_disk(5, "/data"), Level.FAILED, "LOW"),
    (rules.judge_broker(connected=True, addresses="tls://b:1"), Level.OK, "OK"),
    (rules.judge_broker(connected=False, addresses="tls://b:1"), Level.WARNING, "AWAY"),
    (rules.judge_directory(Freshness.FRESH, 7, NOW), Level.OK, "OK"),
    (rules.judge_directory(Freshness.STALE, 7, NOW), Level.WARNING, "OLD"),
    (rules.judge_directory(Freshness.OVERDUE, 7, NOW), Level.FAILED, "OLD"),
    (rules.judge_directory(None, 0, None), Level.FAILED, "NONE"),
    (rules.judge_library(3, 3), Level.OK, "OK"),
    (rules.judge_library(3, 4), Level.WARNING, "BEHIND"),
    (rules.judge_library(0, None), Level.OK, "EMPTY"),
    (rules.judge_backlog(DeliveryStatus("320000", 1, (), ()), NOW), Level.OK, "OK"),
    (rules.judge_backlog(waiting(5), NOW), Level.OK, "OK"),
    (rules.judge_backlog(waiting(61), NOW), Level.WARNING, "SLOW"),
    (rules.judge_backlog(waiting(5, work=51), NOW), Level.WARNING, "SLOW"),
    (rules.judge_backlog(waiting(5, work=100), NOW), Level.FAILED, "FULL"),
    (rules.judge_backlog(PARKED, NOW), Level.WARNING, "PARKED"),
    (rules.judge_units([], 0), Level.OK, "OK"),
    (rules.judge_units(["350100"], 1), Level.WARNING, "SILENT"),
    (rules.judge_units([], 2), Level.WARNING, "PENDING"),
    (rules.judge_copies(waiting(0, copy="sole"), NOW), Level.OK, "OK"),
    (rules.judge_copies(waiting(0, copy="fenced"), NOW), Level.FAILED, "FENCED"),
    (rules.judge_copies(waiting(0, alarms=(ALARM,)), NOW), Level.WARNING, "ALARM"),
    (rules.judge_copies(waiting(0, alarms=(ALARM,)), NOW + timedelta(days=9)), Level.OK, "OK"),
]


@pytest.mark.parametrize(("found", "level", "what"), FOUND)
def test_a_finding_has_its_level_and_a_sentence_with_every_value(found: Check, level: Level, what: str) -> None:
    assert (found.level, found.code) == (level, f"DOCTOR_{found.name.upper()}_{what}")
    for locale in ("en", "zh"):
        text = catalogue.sentence(found.code, found.params, locale)
        assert text != found.code and "{" not in text


def test_one_failed_check_is_what_counts() -> None:
    assert worst([]) is Level.OK
    assert worst([FOUND[0][0], FOUND[4][0], FOUND[1][0]]) is Level.FAILED
