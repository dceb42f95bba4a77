"""Rules of units between the core and protobuf. A rule that a newer peer made and we do not understand does nothing."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from google.protobuf.timestamp_pb2 import Timestamp

from ..api.routing.v1 import policy_pb2 as pb
from ..core.decision import Refused, refuse
from ..core.routing import codes
from ..core.routing.policy import PERCENT, Action, Policy, Rule, Target, When
from .declarations import weekly_from_wire, weekly_to_wire
from .times import from_timestamp, to_timestamp

_ACTION_OUT: Final = {Action.PREFER: pb.RULE_ACTION_PREFER, Action.REFUSE: pb.RULE_ACTION_REFUSE}
_ACTION_IN: Final = {wire: action for action, wire in _ACTION_OUT.items()}


def policy_to_wire(policy: Policy) -> pb.RoutingPolicy:
    """Rules as they travel."""
    return pb.RoutingPolicy(unit=policy.unit, revision=policy.revision, rules=[_rule_out(rule) for rule in policy.rules])


def policy_from_wire(policy: pb.RoutingPolicy, *, strict: bool = False) -> Policy:
    """Rules as they were told.

    Args:
        policy: the message.
        strict: refuse rules that do nothing here, instead of leaving them out: for what is being published.

    Raises:
        Refused: ROUTING_POLICY_UNREADABLE.
    """
    known = [rule for rule in policy.rules if rule.action in _ACTION_IN]
    if strict and len(known) < len(policy.rules):
        raise Refused(refuse(codes.POLICY_UNREADABLE, unit=policy.unit[:6]))
    try:
        return Policy(policy.unit, policy.revision, tuple(map(_rule_in, known)))
    except (ValueError, OverflowError) as error:
        raise Refused(refuse(codes.POLICY_UNREADABLE, unit=policy.unit[:6])) from error


def _rule_out(rule: Rule) -> pb.PolicyRule:
    return pb.PolicyRule(
        id=rule.id,
        priority=rule.priority,
        action=_ACTION_OUT[rule.action],
        when=_when_out(rule.when),
        targets=[pb.RuleTarget(unit=target.unit, weight=target.weight) for target in rule.targets],
        valid_from=_time_out(rule.valid_from),
        valid_until=_time_out(rule.valid_until),
    )


def _rule_in(rule: pb.PolicyRule) -> Rule:
    return Rule(
        id=rule.id,
        priority=rule.priority,
        action=_ACTION_IN[rule.action],
        when=_when_in(rule.when),
        targets=tuple(Target(target.unit, target.weight or 1) for target in rule.targets),
        valid_from=from_timestamp(rule.valid_from) if rule.HasField("valid_from") else None,
        valid_until=from_timestamp(rule.valid_until) if rule.HasField("valid_until") else None,
    )


def _when_out(when: When) -> pb.RuleWhen:
    return pb.RuleWhen(
        topics=when.topics,
        languages=when.languages,
        caller_regions=when.caller_regions,
        windows=weekly_to_wire(when.windows),
        priority_min=when.priority_min,
        waiting_min=when.waiting_min,
        wait_min_s=when.wait_min_s,
        share_pct=when.share_pct,
    )


def _when_in(when: pb.RuleWhen) -> When:
    return When(
        topics=tuple(when.topics),
        languages=tuple(when.languages),
        caller_regions=tuple(when.caller_regions),
        windows=weekly_from_wire(when.windows),
        priority_min=when.priority_min,
        waiting_min=when.waiting_min,
        wait_min_s=when.wait_min_s,
        share_pct=when.share_pct or PERCENT,
    )


def _time_out(moment: datetime | None) -> Timestamp | None:
    return to_timestamp(moment) if moment else None
