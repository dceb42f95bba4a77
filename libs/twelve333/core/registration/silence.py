"""When a unit has been silent for so long that it does not count as open, and when it is heard again.

A sign of life is something that the unit itself does: its telephone system tells its queue, it hands a call on or takes one, it declares
(the same again counts too), is proved, or takes a step. That its node talks to the hub is none: one node serves many units, and a line
that nobody answers must not look open because the machine beside it runs. Signs reach the hub through the node, so a node that is away for
so long silences its units as well.

Time in which the hub did not listen counts for nobody: after a start it waits before it calls a unit silent, until nodes have told.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from .model import Unit, UnitStatus

LISTENS_FIRST: Final = timedelta(hours=1)
NOTED_EVERY: Final = timedelta(hours=1)  # a sign within so long of the last one changes nothing


def changed_by_silence(
    units: Iterable[Unit], signs: Mapping[str, datetime], listening_since: datetime, silent_days: int, now: datetime
) -> list[Unit]:
    """The units that become silent now, or are heard again, as they are then.

    Args:
        units: all units.
        signs: the last sign of each; one without is taken as heard now.
        listening_since: since when the hub has listened without a break.
        silent_days: after so many days without a sign.
        now: aware time.
    """
    may_fall_silent = now - listening_since >= LISTENS_FIRST
    found = []
    for unit in units:
        quiet = unit.status is UnitStatus.OPEN and now - signs.get(unit.code, now) >= timedelta(days=silent_days)
        if quiet and unit.silent_since is None and may_fall_silent:
            found.append(replace(unit, silent_since=now))
        elif not quiet and unit.silent_since is not None:
            found.append(replace(unit, silent_since=None))
    return found


def signs_to_tell(heard: Mapping[str, datetime], told: Mapping[str, datetime], silent: frozenset[str]) -> dict[str, datetime]:
    """Which signs a node tells the hub now: of units that it has not told of for a while, and at once of units taken for silent.

    Args:
        heard: the last sign of each unit.
        told: the sign that was told last.
        silent: units that the directory calls silent.
    """
    least = {unit: timedelta(microseconds=1) if unit in silent else NOTED_EVERY for unit in heard}
    return {unit: at for unit, at in heard.items() if at - told.get(unit, at - NOTED_EVERY) >= least[unit]}
