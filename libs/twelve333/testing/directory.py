"""Builders of units, declarations and directories for tests: say what matters to the test, the rest is sensible."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from twelve333.core.coverage.model import ALWAYS, Declaration
from twelve333.core.coverage.snapshot import Snapshot
from twelve333.core.ids import is_province_code, province_of
from twelve333.core.registration.model import Level, Unit, UnitStatus


def a_unit(code: str, **changes: Any) -> Unit:
    """An open unit with a consulting system, served by its province's node.

    Args:
        code: its code.
        changes: fields that differ.
    """
    province = is_province_code(code)
    unit = Unit(
        code=code,
        name=f"单位{code}",
        province=province_of(code),
        parent="" if province else province_of(code),
        level=Level.PROVINCE if province else Level.PREFECTURE,
        member=province_of(code),
        status=UnitStatus.OPEN,
        with_system=True,
    )
    return replace(unit, **changes)


def a_declaration(code: str, **changes: Any) -> Declaration:
    """A declaration for all topics in Chinese, day and night, with ten seats.

    Args:
        code: the unit.
        changes: fields that differ.
    """
    declaration = Declaration(code, (code,), ("*",), ("zh",), ALWAYS, 10, f"sip:12333@{code}.example")
    return replace(declaration, **changes)


def a_snapshot(units: Iterable[Unit], declarations: Iterable[Declaration] | None = None, *, version: int = 1) -> Snapshot:
    """A directory of these units, each with `a_declaration` unless declarations are given, all members having a node."""
    all_units = list(units)
    declared = [a_declaration(unit.code) for unit in all_units] if declarations is None else declarations
    return Snapshot.of(version, all_units, declared, {unit.member for unit in all_units})
