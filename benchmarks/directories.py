"""Directories to decide by: the 366 real units, and larger ones made from them with counties below the prefectures."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from itertools import cycle
from random import Random
from typing import Final

from twelve333.core.coverage.model import Declaration
from twelve333.core.coverage.snapshot import Snapshot
from twelve333.core.registration.model import Level, Unit, UnitStatus
from twelve333.core.routing.model import Call
from twelve333.data import declarations_2013, provinces, units_2013

NOW: Final = datetime(2014, 3, 31, 2, tzinfo=UTC)  # a Monday, 10:00 in China
SEED: Final = 12333


def snapshot(units: int, seed: int = SEED) -> Snapshot:
    """The directory of 2013 with counties added until it has so many units; all members have a node.

    Args:
        units: at least 366.
        seed: chooses which made-up counties are open.
    """
    all_units, declared = units_2013(), declarations_2013()
    made, declarations = _counties(all_units, declared[0], units - len(all_units), Random(seed))
    return Snapshot.of(1, [*all_units, *made], [*declared, *declarations], provinces())


def calls(directory: Snapshot, count: int, seed: int = SEED) -> list[Call]:
    """Calls about regions all over the country, open or not; one in five was somewhere else before."""
    chance, codes = Random(seed), sorted(directory.units)
    made = list[Call]()
    for number in range(count):
        region, caller = chance.choice(codes), chance.choice(codes)
        visited = (caller,) if chance.random() < 0.2 else ()
        made.append(Call(f"bench-{number}", region, caller, chance.choice(("", "0101", "0301", "04")), "zh", visited))
    return made


def _counties(units: list[Unit], model: Declaration, count: int, chance: Random) -> tuple[list[Unit], list[Declaration]]:
    """Counties of the prefectures in turn: 350101, 360101, ... as their codes are built; seven of eight are open, like the units."""
    taken = {unit.code for unit in units}
    above = cycle([unit for unit in units if unit.level is Level.PREFECTURE and unit.code.endswith("00")])
    made, declared, numbers = list[Unit](), list[Declaration](), dict[str, int]()
    while len(made) < count:
        parent = next(above)
        number = numbers[parent.code] = numbers.get(parent.code, 0) + 1
        code = f"{parent.code[:4]}{number:02}"
        if code in taken:
            continue
        status = UnitStatus.OPEN if chance.random() < 0.875 else UnitStatus.PLANNED
        made.append(replace(parent, code=code, name=code, parent=parent.code, status=status))
        if status is UnitStatus.OPEN:
            declared.append(replace(model, unit=code, areas=(code,), target=f"sip:12333@{code}.example", voicemail=False))
    return made, declared
