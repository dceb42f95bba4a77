"""Callbacks between the core and protobuf."""

from __future__ import annotations

from typing import Final

from ..api.routing.v1 import callback_pb2 as pb
from ..core.decision import Refused, refuse
from ..core.routing import codes
from ..core.routing.callbacks import Callback, CallbackState, Wish
from ..core.routing.model import LastResortKind
from .routing import KIND_IN, KIND_OUT, call_from_wire, call_to_wire, context_from_wire, context_to_wire
from .times import from_timestamp, to_timestamp

STATE_OUT: Final = {state: pb.CallbackState.Value(f"CALLBACK_STATE_{state.name}") for state in CallbackState}
STATE_IN: Final = {wire: state for state, wire in STATE_OUT.items()}


def callback_to_wire(callback: Callback, wish: Wish | None = None) -> pb.Callback:
    """A callback as it travels, with what the caller left where that is to be shown."""
    shown = pb.Callback(
        call=call_to_wire(callback.call),
        from_unit=callback.from_unit,
        unit=callback.unit,
        kind=KIND_OUT[callback.kind],
        entered_at=to_timestamp(callback.entered_at),
        state=STATE_OUT[callback.state],
        misses=callback.misses,
        taken_by=callback.taken_by,
        wish=wish_to_wire(wish) if wish else None,
    )
    if callback.not_before:
        shown.not_before.CopyFrom(to_timestamp(callback.not_before))
    if callback.held_until:
        shown.held_until.CopyFrom(to_timestamp(callback.held_until))
    return shown


def callback_from_wire(shown: pb.Callback, from_member: str = "") -> Callback:
    """A callback as it was told.

    Args:
        shown: as it came.
        from_member: who told it; not known to a desktop.

    Raises:
        Refused: ROUTING_STEP_UNKNOWN, for a kind or state that we do not know.
    """
    kind, state = kind_from_wire(shown.kind), STATE_IN.get(shown.state)
    if state is None:
        raise Refused(refuse(codes.STEP_UNKNOWN, state=shown.state))
    return Callback(
        call=call_from_wire(shown.call),
        from_unit=shown.from_unit,
        from_member=from_member,
        unit=shown.unit,
        kind=kind,
        entered_at=from_timestamp(shown.entered_at),
        state=state,
        misses=shown.misses,
        not_before=from_timestamp(shown.not_before) if shown.HasField("not_before") else None,
        held_until=from_timestamp(shown.held_until) if shown.HasField("held_until") else None,
        taken_by=shown.taken_by,
    )


def kind_from_wire(kind: int) -> LastResortKind:
    """The kind of a last resort.

    Raises:
        Refused: ROUTING_STEP_UNKNOWN.
    """
    known = KIND_IN.get(kind)
    if known is None:
        raise Refused(refuse(codes.STEP_UNKNOWN, state=kind))
    return known


def wish_to_wire(wish: Wish) -> pb.Wish:
    """What the caller left, as it travels."""
    items = context_to_wire(wish.items)
    return pb.Wish(number=wish.number, recording=wish.recording, recording_sha256=wish.recording_sha256, context=items)


def wish_from_wire(wish: pb.Wish) -> Wish:
    """What the caller left."""
    return Wish(wish.number, wish.recording, wish.recording_sha256, context_from_wire(wish.context))
