"""A kept decision replays bit for bit, and rules are tried on past calls before anyone approves them."""

from __future__ import annotations

from datetime import timedelta
from random import Random

from tests.core.routing.strategies import NOW
from tests.core.routing.worlds import CALENDAR, questions, world

from twelve333.api.routing.v1 import routing_pb2
from twelve333.core.coverage.snapshot import Snapshot
from twelve333.core.routing.model import Call
from twelve333.core.routing.policy import Action, Policy, Rule, Target, When, policies_by_unit
from twelve333.core.routing.replay import Change, again, observed, what_if
from twelve333.core.routing.rules import decide
from twelve333.testing.directory import a_snapshot, a_unit
from twelve333.wire.routing import route_from_wire, route_to_wire


def test_a_kept_decision_replays_bit_for_bit() -> None:
    chance, observations = Random(12333), 0
    for _ in range(50):
        made = world(chance)
        snapshot, policies = Snapshot.of(7, made.units, made.declarations, made.members, CALENDAR), policies_by_unit(made.policies)
        for call, state, now in questions(chance, 10):
            decided = decide(snapshot, state, call, now, policies)
            kept = route_to_wire(decided._replace(observed=observed(state, decided))).SerializeToString()
            read = route_from_wire(routing_pb2.Route.FromString(kept))
            anew = again(read, snapshot, policies)
            assert anew == read
            assert route_to_wire(anew).SerializeToString() == kept
            observations += len(read.observed.queues) + len(read.observed.refused)
    assert observations  # what was never observed proves nothing


def test_without_what_was_observed_it_would_not() -> None:
    snapshot = a_snapshot([a_unit("350100"), a_unit("350000")])
    chance = Random(1)
    states = [state for _, state, _ in questions(chance, 200)]
    call = Call("1", "350100")
    routes = [decide(snapshot, state, call, NOW) for state in states]
    assert any(again(route, snapshot) != route for route in routes)


def test_what_a_rule_would_change_is_counted_per_hour_topic_and_unit() -> None:
    snapshot = a_snapshot([a_unit("350100"), a_unit("350000")])
    rule = Rule("pensions", 1, Action.PREFER, When(topics=("01",)), (Target("350000"),))
    topics = ("01", "01", "02", "0102")
    calls = [(Call(str(number), "350100", topic=topic), NOW + timedelta(hours=number)) for number, topic in enumerate(topics)]
    found = what_if([*calls, calls[0]], snapshot, {}, policies_by_unit([Policy("350100", 1, (rule,))]))
    assert found.calls == 5
    assert found.changes == (
        Change(16, "01", "350100", "350000", 2),
        Change(17, "01", "350100", "350000", 1),
        Change(19, "0102", "350100", "350000", 1),
    )
