"""Calls that this node accepted for its units: taken by a desktop, ended or given back, and the origin told.

The origin is told at once over gRPC and, in the same unit of work, through the outbox: one of the two gets there, whatever is away.
"""

from __future__ import annotations

from sqlalchemy import Connection

from twelve333.api.routing.v1 import events_pb2, service_pb2_grpc
from twelve333.api.routing.v1 import service_pb2 as pb
from twelve333.core.decision import Refused, accepted, refuse
from twelve333.core.routing import codes
from twelve333.core.routing.desk import end_call, take_call
from twelve333.core.routing.machine import HandoffState
from twelve333.core.routing.offers import Lease
from twelve333.wire.routing import state_to_wire

from .context import NodeContext
from .errands import Errands
from .offering import NOTICE_SECONDS
from .store import routing as store


class Incoming:
    """Incoming calls of a node.

    Args:
        node: its ports.
        errands: tells origins beside the call.
    """

    def __init__(self, node: NodeContext, errands: Errands) -> None:
        self._node = node
        self._errands = errands

    async def take(self, handoff_id: str, holder: str) -> Lease:
        """Give a call that rings to a desktop.

        Raises:
            Refused: ROUTING_HANDOFF_UNKNOWN, or as `take_call` says.
        """
        now = self._node.clock()

        def keep(tx: Connection) -> Lease:
            known = _known(tx, handoff_id)
            lease = accepted(take_call(known, holder, now)).state
            if lease != known:
                store.save_lease(tx, lease)
            return lease

        return await self._node.audit.write("handoff.take", handoff_id, keep)

    async def end(self, handoff_id: str, holder: str, to: HandoffState, reason: str = "") -> Lease:
        """End a call here, or give it back to who handed it on.

        Args:
            handoff_id: which.
            holder: the desktop; empty: an operator.
            to: COMPLETED or RETURNED.
            reason: for RETURNED.

        Raises:
            Refused: ROUTING_HANDOFF_UNKNOWN, or as `end_call` says.
        """
        now = self._node.clock()

        def keep(tx: Connection) -> tuple[Lease, bool]:
            known = _known(tx, handoff_id)
            lease = accepted(end_call(known, holder, to, reason, now)).state
            if lease == known:
                return lease, False
            store.save_lease(tx, lease)
            outcome = events_pb2.HandoffOutcome(offer_id=lease.offer.id, state=state_to_wire(to), reason=reason)
            self._node.outbox.append(tx, destination=lease.offer.from_member, message=outcome, key=handoff_id, now=now)
            return lease, True

        lease, changed = await self._node.database.write(keep)
        if changed:
            self._errands.run(self._tell_origin(lease, to, reason))
        return lease

    async def _tell_origin(self, lease: Lease, to: HandoffState, reason: str) -> None:
        stub = self._node.peers.stub(lease.offer.from_member, service_pb2_grpc.HandoffPeerServiceStub)
        outcome = pb.ReportOutcomeRequest(offer_id=lease.offer.id, state=state_to_wire(to), reason=reason)
        await stub.ReportOutcome(outcome, timeout=NOTICE_SECONDS)


def _known(tx: Connection, handoff_id: str) -> Lease:
    incoming = store.load_incoming(tx, handoff_id)
    if incoming is None:
        raise Refused(refuse(codes.HANDOFF_UNKNOWN, id=handoff_id[:64]))
    return incoming[0]
