"""What a measured value means for an operator. Each rule takes what was seen and gives one finding; limits stand beside each other here."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from ..delivery.leases import Copy
from ..delivery.status import DeliveryStatus
from ..registration.freshness import Freshness
from .model import Check, Level, finding

CERTIFICATE_LATE: Final = timedelta(days=7)  # of 30 days; it renews itself after 20 or so, and tries again and again
CLOCK_WARNS: Final = timedelta(seconds=5)
CLOCK_FAILS: Final = timedelta(minutes=1)
DISK_MIB_WARNS: Final = 1_024
DISK_MIB_FAILS: Final = 128
BACKLOG_SHARE_WARNS: Final = 0.5
BACKLOG_AGE_WARNS: Final = timedelta(hours=1)
UNITS_NAMED_MAX: Final = 10
ALARMS_OF_LATE: Final = timedelta(days=7)


def judge_configuration(doubts: Collection[str]) -> Check:
    """Settings that are meant for a time only: the names of those that stand."""
    if doubts:
        return finding("configuration", Level.WARNING, "loose", settings=", ".join(sorted(doubts)))
    return finding("configuration", Level.OK, "ok")


def judge_certificates(ends: Mapping[str, datetime], now: datetime) -> Check:
    """When the certificates end, by folder; the first that does counts."""
    name, end = min(ends.items(), key=lambda each: each[1])
    left = end - now
    params = {"folder": name, "days": max(0, left.days), "until": end.date().isoformat()}
    if left <= timedelta():
        return finding("certificate", Level.FAILED, "ended", **params)
    return (
        finding("certificate", Level.WARNING, "late", **params)
        if left < CERTIFICATE_LATE
        else finding("certificate", Level.OK, "ok", **params)
    )


def judge_clock(off: timedelta | None) -> Check:
    """How far the clock is from the hub's (or from what was written down last); None: nobody to compare with."""
    if off is None:
        return finding("clock", Level.WARNING, "alone")
    level = Level.FAILED if abs(off) > CLOCK_FAILS else Level.WARNING if abs(off) > CLOCK_WARNS else Level.OK
    seconds = f"{abs(off).total_seconds():.1f}"
    return finding("clock", level, "ok" if level is Level.OK else "off", seconds=seconds)


def judge_disk(free_mib: int, path: str) -> Check:
    """What is free where the data is."""
    level = Level.FAILED if free_mib < DISK_MIB_FAILS else Level.WARNING if free_mib < DISK_MIB_WARNS else Level.OK
    return finding("disk", level, "ok" if level is Level.OK else "low", free=free_mib, path=path, needed=DISK_MIB_WARNS)


def judge_broker(*, connected: bool, addresses: str) -> Check:
    """Whether the broker answers. Without it everything goes on directly, so it is no failure of this installation."""
    if connected:
        return finding("broker", Level.OK, "ok", addresses=addresses)
    return finding("broker", Level.WARNING, "away", addresses=addresses)


def judge_directory(freshness: Freshness | None, version: int, confirmed_at: datetime | None) -> Check:
    """How old the hub's last word on the directory is; None: there is no directory."""
    if not version or freshness is None:
        return finding("directory", Level.FAILED, "none")
    levels = {Freshness.FRESH: Level.OK, Freshness.STALE: Level.WARNING, Freshness.OVERDUE: Level.FAILED}
    confirmed = confirmed_at.isoformat(timespec="seconds") if confirmed_at else "–"
    return finding("directory", levels[freshness], "ok" if freshness is Freshness.FRESH else "old", version=version, confirmed_at=confirmed)


def judge_library(held: int, newest: int | None) -> Check:
    """Which release is held, beside the newest as far as that is known."""
    if newest is not None and held < newest:
        return finding("library", Level.WARNING, "behind", held=held, newest=newest)
    return finding("library", Level.OK, "ok" if held else "empty", held=held)


def judge_backlog(status: DeliveryStatus, now: datetime) -> Check:
    """What waits for others, and what was set aside."""
    if parked := sum(each.parked for each in status.inbox):
        return finding("backlog", Level.WARNING, "parked", count=parked)
    waiting = [each for each in status.outbox if each.queued]
    if not waiting:
        return finding("backlog", Level.OK, "ok", count=0)
    oldest = min(waiting, key=lambda each: each.oldest_queued_at or now)
    share = max(each.work for each in waiting) / status.backlog_max if status.backlog_max else 0.0
    age = now - (oldest.oldest_queued_at or now)
    count, minutes = sum(each.queued for each in waiting), int(age.total_seconds() // 60)
    params = {"count": count, "member": oldest.destination, "minutes": minutes, "share": f"{share:.0%}"}
    if share >= 1:
        return finding("backlog", Level.FAILED, "full", **params)
    slow = share > BACKLOG_SHARE_WARNS or age > BACKLOG_AGE_WARNS
    return finding("backlog", Level.WARNING, "slow", **params) if slow else finding("backlog", Level.OK, "ok", count=count)


def judge_units(silent: Sequence[str], pending: int) -> Check:
    """Units of the register that somebody must look at: without a sign of life, or with a step that waits for an approval."""
    if silent:
        return finding("units", Level.WARNING, "silent", count=len(silent), units=", ".join(silent[:UNITS_NAMED_MAX]))
    return finding("units", Level.WARNING, "pending", count=pending) if pending else finding("units", Level.OK, "ok")


def judge_copies(status: DeliveryStatus, now: datetime) -> Check:
    """Whether this is the one copy of the member, and the alarms of late."""
    copy = Copy(status.copy) if status.copy else Copy.SOLE
    if not copy.works:
        return finding("copies", Level.FAILED, "fenced", copy=copy.value)
    late = [alarm for alarm in status.alarms if now - alarm.last_at < ALARMS_OF_LATE]
    if late:
        told = ", ".join(f"{alarm.code} {alarm.member}" for alarm in late)
        return finding("copies", Level.WARNING, "alarm", alarms=told)
    return finding("copies", Level.OK, "ok", copy=copy.value)
