"""The signed list of units visited: made for what we hand on, checked in what others offer."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from twelve333.adapters.bus.signed import Signing
from twelve333.adapters.signing.statements import Signature
from twelve333.core.decision import Refused, refuse
from twelve333.core.routing import codes
from twelve333.core.routing.handoff import Handoff
from twelve333.core.routing.offers import Offer
from twelve333.core.routing.visits import Visit, Visits, check_visits, onward
from twelve333.wire.visits import visits_kept

from .context import NodeContext
from .routing_view import RoutingView
from .store import routing as store


class VisitList:
    """Signs and checks lists with the key that signs our events; until it is attached only first hops are believed.

    Args:
        node: its ports.
        view: what it routes by.
    """

    def __init__(self, node: NodeContext, view: RoutingView) -> None:
        self._node, self._view = node, view
        self._signing: Signing | None = None

    def attach(self, signing: Signing) -> None:
        """Sign and check with these keys."""
        self._signing = signing

    def before(self, tx: Connection, after: str, from_unit: str) -> Visits | None:
        """Where a call was that came to one of our units and goes on from there.

        Args:
            tx: a view of the database.
            after: id of the handoff by which it came.
            from_unit: the unit that hands it on.

        Raises:
            Refused: ROUTING_HANDOFF_UNKNOWN, ROUTING_ONWARD_OTHER_UNIT.
        """
        incoming = store.load_incoming(tx, after)
        if incoming is None:
            raise Refused(refuse(codes.HANDOFF_UNKNOWN, id=after[:64]))
        if incoming[0].offer.unit != from_unit:
            raise Refused(refuse(codes.ONWARD_OTHER_UNIT, id=after, unit=incoming[0].offer.unit))
        return visits_kept(store.load_visits(tx, incoming[0]))

    def signed(self, before: Visits | None, handoff: Handoff) -> Visits | None:
        """The list that we send with the present offer of a handoff; None as long as we cannot sign."""
        if self._signing is None:
            return None
        signer = self._signing.signer

        def sign(words: bytes) -> tuple[bytes, Sequence[bytes]]:
            signature = signer.sign(words)
            return signature.value, signature.chain

        here = Visit(handoff.from_unit, self._node.province, handoff.unit, self._node.clock())
        return onward(before, handoff.call.id, here, sign)

    def check(self, offer: Offer, visits: Visits | None) -> None:
        """Refuse an offer whose list does not hold.

        Raises:
            Refused: ROUTING_HOPS_TOO_MANY, ROUTING_VISITED_UNPROVED, ROUTING_VISITED_FORGED, ROUTING_LOOP.
        """
        if refusal := check_visits(offer, visits, self._view.snapshot.units, self._proved):
            raise Refused(refusal)

    def _proved(self, visit: Visit, words: bytes) -> bool:
        if self._signing is None:
            return False
        return self._signing.verifier.check(visit.member, words, Signature(visit.signature, visit.chain)) is None
