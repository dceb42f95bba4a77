"""Routes, handoffs and what is told of them survive the wire unchanged."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.core.routing.strategies import NOW, calls, directories, states, times

from twelve333.api.routing.v1 import events_pb2, routing_pb2, service_pb2
from twelve333.core.coverage.model import Declaration
from twelve333.core.coverage.snapshot import Snapshot
from twelve333.core.decision import Refused
from twelve333.core.registration.model import Unit
from twelve333.core.routing.context import ContextItem
from twelve333.core.routing.handoff import Handoff, Step
from twelve333.core.routing.machine import HandoffState
from twelve333.core.routing.messages import told
from twelve333.core.routing.model import Call, LastResort, LastResortKind, State
from twelve333.core.routing.offers import Lease, Offer
from twelve333.core.routing.rules import decide
from twelve333.wire.routing import (
    call_from_wire,
    context_from_wire,
    context_to_wire,
    handoff_from_wire,
    handoff_to_wire,
    lease_to_wire,
    offer_from_wire,
    offer_to_wire,
    route_from_wire,
    route_to_wire,
    state_from_wire,
    state_to_wire,
    told_from_wire,
    told_to_wire,
)

told_states = st.sampled_from([state for state in HandoffState if state is not HandoffState.NEW])
handoff_steps = st.builds(
    Step, st.integers(1, 99), told_states, st.sampled_from(["350100", ""]), st.sampled_from(["", "ROUTING_LOOP"]), times
)
handoffs = st.builds(
    Handoff,
    call=calls,
    from_unit=st.just("360400"),
    state=st.sampled_from(list(HandoffState)),
    unit=st.sampled_from(["", "350100"]),
    target=st.sampled_from(["", "tel:12333"]),
    reason=st.sampled_from(["", "BUSY"]),
    last_resort=st.one_of(st.none(), st.builds(LastResort, st.sampled_from(list(LastResortKind)), st.just("350100"))),
    held_until=st.one_of(st.none(), times),
    steps=st.lists(handoff_steps, max_size=3).map(tuple),
    route=st.one_of(st.none(), st.builds(decide, directories().map(lambda found: Snapshot.of(3, *found)), states, calls, times)),
)
offers = st.builds(
    Offer, st.just("h1.350100"), calls, st.just("360400"), st.just("360000"), st.just("350100"), times, st.binary(max_size=32)
)


@given(directories(), states, calls, times)
def test_a_route_comes_back_as_it_went(
    directory: tuple[list[Unit], list[Declaration], set[str]], state: State, call: Call, now: object
) -> None:
    route = decide(Snapshot.of(3, *directory), state, call, NOW)
    travelled = routing_pb2.Route.FromString(route_to_wire(route).SerializeToString())
    assert route_from_wire(travelled) == route


@given(handoffs)
def test_a_handoff_comes_back_as_it_went(handoff: Handoff) -> None:
    travelled = routing_pb2.Handoff.FromString(handoff_to_wire(handoff).SerializeToString())
    assert handoff_from_wire(travelled) == handoff


@given(handoffs)
def test_what_is_told_comes_back_as_it_went(handoff: Handoff) -> None:
    travelled = events_pb2.HandoffEvent.FromString(told_to_wire(told(handoff)).SerializeToString())
    assert told_from_wire(travelled) == told(handoff)


@given(offers)
def test_an_offer_comes_back_with_its_sender_proved_by_the_connection(offer: Offer) -> None:
    travelled = service_pb2.OfferHandoffRequest.FromString(offer_to_wire(offer).SerializeToString())
    assert offer_from_wire(travelled, "360000") == offer
    assert offer_from_wire(travelled, "110000") == replace(offer, from_member="110000")


def test_an_incoming_handoff_shows_itself_as_such() -> None:
    offer = Offer("h1.350100", Call("h1", "350100"), "360400", "360000", "350100", NOW)
    shown = lease_to_wire(
        Lease(offer, HandoffState.ACCEPTED, "tel:12333", NOW, NOW + timedelta(seconds=30)), (ContextItem("question", "?"),)
    )
    assert shown.incoming
    assert (shown.unit, shown.from_unit, context_from_wire(shown.context)) == ("350100", "360400", (ContextItem("question", "?"),))


def test_a_context_comes_back_in_order() -> None:
    items = (ContextItem("question", "档案在哪里"), ContextItem("told_so_far", ""))
    assert context_from_wire(context_to_wire(items)) == items


def test_a_call_without_language_is_in_chinese() -> None:
    assert call_from_wire(routing_pb2.Call(id="1", region="350100")).language == "zh"


def test_every_state_travels_but_the_one_before_the_first_offer() -> None:
    for state in HandoffState:
        assert state_from_wire(state_to_wire(state)) is (None if state is HandoffState.NEW else state)


def test_a_step_of_a_newer_peer_is_refused_and_never_guessed() -> None:
    step = routing_pb2.HandoffStep(number=1, state=routing_pb2.HandoffState.ValueType(77))
    with pytest.raises(Refused, match="ROUTING_STEP_UNKNOWN"):
        told_from_wire(events_pb2.HandoffEvent(steps=[step]))
