"""Rules of a unit from a YAML file, and back."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import yaml

from ..core.coverage.model import DayHours
from ..core.decision import Code, Kind, Refused, refuse
from ..core.routing.policy import PERCENT, Action, Policy, Rule, Target, When
from .hours_text import hours_text, parse_week
from .typed_times import moment_of
from .yaml_file import read_document

POLICY_VALUE_WRONG: Final = Code("CLI_POLICY_VALUE_WRONG", Kind.INVALID)
HEADER: Final = "# yaml-language-server: $schema=policy.schema.json   (`twelve333 route policy schema > policy.schema.json`)\n"


def read_policy(path: Path) -> Policy:
    """Read a unit's rules.

    Args:
        path: of the file, `-` for standard input.

    Raises:
        Refused: CLI_FILE_*, CLI_POLICY_VALUE_WRONG.
    """
    document = read_document(path, "policy")
    return Policy(document["unit"], 0, tuple(_rule(values, str(path)) for values in document["rules"]))


def policy_values(policy: Policy) -> dict[str, Any]:
    """Rules as the plain values of their file."""
    return {"unit": policy.unit, "rules": [_values(rule) for rule in policy.rules]}


def policy_text(policy: Policy) -> str:
    """Rules as a file that `read_policy` reads."""
    return HEADER + yaml.safe_dump(policy_values(policy), allow_unicode=True, sort_keys=False)


def _rule(values: Mapping[str, Any], path: str) -> Rule:
    prefer = values.get("prefer", ())
    try:
        return Rule(
            values["id"],
            values["priority"],
            Action.PREFER if prefer else Action.REFUSE,
            _when(values.get("when") or {}),
            tuple(Target(each["unit"], each.get("weight", 1)) for each in prefer),
            _moment(values, "valid_from"),
            _moment(values, "valid_until"),
        )
    except ValueError as error:
        raise Refused(refuse(POLICY_VALUE_WRONG, path=path, rule=values["id"])) from error


def _moment(values: Mapping[str, Any], key: str) -> datetime | None:
    return moment_of(values[key]) if key in values else None


def _when(values: Mapping[str, Any]) -> When:
    return When(
        topics=tuple(values.get("topics", ())),
        languages=tuple(values.get("languages", ())),
        caller_regions=tuple(values.get("caller_regions", ())),
        windows=parse_week(values.get("hours", "")),
        priority_min=values.get("priority_min", 0),
        waiting_min=values.get("waiting_min", 0),
        wait_min_s=values.get("wait_min_s", 0),
        share_pct=values.get("share_pct", PERCENT),
    )


def _values(rule: Rule) -> dict[str, Any]:
    what: dict[str, Any] = (
        {"prefer": [{"unit": target.unit, "weight": target.weight} for target in rule.targets]}
        if rule.action is Action.PREFER
        else {"refuse": True}
    )
    when, usual = rule.when, When()
    said = {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in ((name, getattr(when, name)) for name in When.__slots__ if name != "windows")
        if value != getattr(usual, name)
    }
    windows: tuple[DayHours, ...] = when.windows
    said |= {"hours": hours_text(windows)} if windows else {}
    bounds = {"valid_from": rule.valid_from, "valid_until": rule.valid_until}
    return (
        {"id": rule.id, "priority": rule.priority, **what}
        | ({"when": said} if said else {})
        | {name: value.isoformat() for name, value in bounds.items() if value}
    )
