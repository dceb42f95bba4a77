"""What others return after a restore, or keep for one: decoded and decided on, as members do with it."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from ...adapters.signing.document_keys import led_from
from ...api.audit.v1 import audit_pb2
from ...api.common.v1 import common_pb2
from ...api.registration.v1 import records_pb2
from ...api.routing.v1 import returns_pb2
from ...core.registration.records import evidence_of_both, history_of_both, steps_of_both
from ...core.registration.split import split_between, with_newest
from ...core.routing.machine import HandoffState
from ...core.routing.returning import known_at_origin, known_there, told_again
from ...wire.audit import held_from_wire
from ...wire.records import evidence_of, history_of, operators_from_wire, steps_of
from ...wire.returns import known_from_wire
from ...wire.routing import told_from_wire

_HOLDS: Final = dict.fromkeys((HandoffState.ACCEPTED, HandoffState.CONNECTED, HandoffState.CONFERENCE), timedelta(hours=1))


def calls(message: returns_pb2.HandoffsReturned) -> object:
    """As the hub and the other side of a call return it."""
    for each in message.handoffs:
        told = told_from_wire(each.told)
        told_again(None, told, "350000", _HOLDS)
        known = known_from_wire(told, each.seat)
        known_there(None, known, "350000")
        known_at_origin(None, known, "350000")
    return message.after


def record(message: records_pb2.KeptRecord) -> object:
    """As a hub reads its own record."""
    steps = steps_of(message.unit)
    return (
        steps_of_both(steps, steps[::2]),
        evidence_of_both(evidence_of(message.unit), ()),
        history_of_both(history_of(message.unit), ()),
        operators_from_wire(message.operators),
    )


def head(message: audit_pb2.AuditHead) -> object:
    """As a node compares the directories of another one with its own."""
    held = held_from_wire(message)
    return split_between(with_newest(held[:3], held[0]) if held else (), held)


def voucher(key: bytes, message: common_pb2.SignedDocument) -> object:
    """As a node follows an exchange of the document key."""
    return led_from(key, [message, message])
