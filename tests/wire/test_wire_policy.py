"""Rules survive the wire; what a newer hub invents does nothing here."""

from __future__ import annotations

from random import Random

import pytest
from tests.core.routing.worlds import world

from twelve333.api.routing.v1 import policy_pb2 as pb
from twelve333.core.decision import Refused
from twelve333.wire.policy import policy_from_wire, policy_to_wire


def test_rules_come_back_as_they_went() -> None:
    chance = Random(12333)
    policies = [policy for _ in range(50) for policy in world(chance).policies]
    assert policies
    for policy in policies:
        assert policy_from_wire(pb.RoutingPolicy.FromString(policy_to_wire(policy).SerializeToString())) == policy


def test_a_rule_with_an_unknown_action_does_nothing_and_is_not_published() -> None:
    newer = pb.RoutingPolicy(unit="350100", rules=[pb.PolicyRule(id="a", action=pb.RuleAction.ValueType(9))])
    assert policy_from_wire(newer).rules == ()
    with pytest.raises(Refused, match="ROUTING_POLICY_UNREADABLE"):
        policy_from_wire(newer, strict=True)
