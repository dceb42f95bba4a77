"""May a unit publish these rules? Every mistake is named, with its field.

Rules: a unit sends calls only to units that know of it: those of its own province, its fallbacks, and those that granted it seats; and no
forward leads back to where it began.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Final

from ..coverage.claims import Claim
from ..coverage.declaring import is_language, is_topic
from ..coverage.hours_rules import violation, weekly_mistakes
from ..coverage.model import ALL_SOURCES, Declaration
from ..decision import FieldViolation, Refusal
from ..ids import is_unit_code, province_of
from . import codes
from .forwards import forward_rings
from .model import PRIORITY_MAX
from .policy import PERCENT, RULES_MAX, TARGETS_MAX, WEIGHT_MAX, Action, Policy, Rule, When

_ID: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}", re.ASCII)
_QUEUE_MAX: Final = 100_000
_LIST_MAX: Final = 200


def check_policy(
    policy: Policy, units: Collection[str], declarations: Mapping[str, Declaration], others: Iterable[Policy] = ()
) -> Refusal | None:
    """Refuse rules with mistakes.

    Args:
        policy: what the unit wants to publish.
        units: codes of all units.
        declarations: what is declared, by unit: who agreed to take calls of this one.
        others: the rules of other units that are in force.
    """
    found = tuple(_mistakes(policy, units, declarations)) or tuple(_crossing(policy, declarations, others))
    return Refusal(codes.POLICY_INVALID, {"unit": policy.unit, "count": str(len(found))}, found) if found else None


def _mistakes(policy: Policy, units: Collection[str], declarations: Mapping[str, Declaration]) -> Iterator[FieldViolation]:
    if len(policy.rules) > RULES_MAX:
        yield violation("rules", codes.POLICY_TOO_LONG, most=RULES_MAX)
        return
    ids, priorities = [rule.id for rule in policy.rules], [rule.priority for rule in policy.rules]
    for index, rule in enumerate(policy.rules):
        path = f"rules[{index}]"
        if not _ID.fullmatch(rule.id) or rule.id in ids[:index]:
            yield violation(f"{path}.id", codes.RULE_ID_WRONG, id=rule.id[:32])
        if rule.priority in priorities[:index]:
            yield violation(f"{path}.priority", codes.RULE_PRIORITY_TWICE, priority=rule.priority)
        if rule.valid_from and rule.valid_until and rule.valid_from >= rule.valid_until:
            yield violation(f"{path}.valid_until", codes.RULE_NEVER_VALID)
        yield from _when(path, rule.when)
        yield from _targets(path, policy.unit, rule, units, declarations)


def _crossing(policy: Policy, declarations: Mapping[str, Declaration], others: Iterable[Policy]) -> Iterator[FieldViolation]:
    claims = {unit: Claim.of(declaration) for unit, declaration in declarations.items()}
    for number, ring in forward_rings(policy, others, claims):
        yield violation(f"rules[{number}].targets", codes.RULE_LEADS_BACK, units=" → ".join((*ring, policy.unit)))


def _when(path: str, when: When) -> Iterator[FieldViolation]:
    sound = all(map(is_topic, when.topics)) and all(map(is_language, when.languages)) and all(map(is_unit_code, when.caller_regions))
    small = max(len(when.topics), len(when.languages), len(when.caller_regions)) <= _LIST_MAX
    numbers = 0 <= when.priority_min <= PRIORITY_MAX and 0 <= when.waiting_min <= _QUEUE_MAX and 0 <= when.wait_min_s <= _QUEUE_MAX
    if not (sound and small and numbers and 1 <= when.share_pct <= PERCENT):
        yield violation(f"{path}.when", codes.RULE_CONDITION_WRONG)
    yield from weekly_mistakes(f"{path}.when.windows", when.windows)


def _targets(path: str, unit: str, rule: Rule, units: Collection[str], declarations: Mapping[str, Declaration]) -> Iterator[FieldViolation]:
    if (rule.action is Action.PREFER) != bool(rule.targets) or len(rule.targets) > TARGETS_MAX:
        yield violation(f"{path}.targets", codes.RULE_TARGETS_WRONG, most=TARGETS_MAX)
        return
    named = [target.unit for target in rule.targets]
    for index, target in enumerate(rule.targets):
        if target.unit not in units or target.unit in named[:index] or not 1 <= target.weight <= WEIGHT_MAX:
            yield violation(f"{path}.targets[{index}]", codes.RULE_TARGETS_WRONG, most=TARGETS_MAX)
        elif not _knows(target.unit, unit, declarations):
            yield violation(f"{path}.targets[{index}]", codes.RULE_TARGET_NOT_AGREED, target=target.unit, unit=unit)


def _knows(target: str, unit: str, declarations: Mapping[str, Declaration]) -> bool:
    if province_of(target) == province_of(unit):
        return True
    own, theirs = declarations.get(unit), declarations.get(target)
    granted = {grant.source for grant in theirs.grants} if theirs else set()
    return bool(own and target in own.fallbacks) or bool(granted & {unit, province_of(unit), ALL_SOURCES})
