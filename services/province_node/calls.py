"""The parts of a node that handle calls, put together once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from twelve333.adapters.context_needs import needs_with
from twelve333.data.context_needs import national_needs

from .books import CallsCounted
from .callback_line import CallbackLine
from .context import NodeContext
from .contexts import ContextFetcher
from .desks import Desks
from .errands import Errands
from .granting import Granting
from .handoffs import Handoffs
from .incoming import Incoming
from .last_resorts import LastResorts
from .offering import Offering
from .routing_view import RoutingView
from .seats import Seating
from .slots import SlotBoard
from .visits import VisitList


@dataclass(frozen=True, slots=True)
class CallParts:
    """What handlers and background work share.

    Args:
        view: what the node routes by.
        errands: what is done beside a call.
        handoffs: the node's own outgoing handoffs.
        fetcher: fetches what accepted callers told.
        incoming: calls that it accepted.
        desks: the desktops that listen.
        slots: room at other provinces' units.
        granting: room at ours, promised to others.
        line: callbacks of its units.
        resorts: last resorts of its handoffs.
        visits: where calls were, signed.
    """

    view: RoutingView
    errands: Errands
    handoffs: Handoffs
    fetcher: ContextFetcher
    incoming: Incoming
    desks: Desks
    slots: SlotBoard
    granting: Granting
    line: CallbackLine
    resorts: LastResorts
    visits: VisitList

    @classmethod
    def of(cls, node: NodeContext) -> Self:
        """Put them together for a node."""
        view, errands = RoutingView(node.directory, node.province, node.clock), Errands()
        slots = SlotBoard(view, node.peers, node.clock)
        visits = VisitList(node, view)
        own = node.settings.handoff.context_needs
        needs = needs_with(node.settings.base / own) if own else national_needs()
        handoffs = Handoffs(Offering(node, view, errands, slots, CallsCounted(node.clock), Seating(node, view)), visits, needs)
        fetcher, incoming, granting = ContextFetcher(node, needs), Incoming(node, errands), Granting(node, view)
        line = CallbackLine(node, view)
        resorts = LastResorts(handoffs, line.enter)
        line.ended = resorts.ended
        return cls(view, errands, handoffs, fetcher, incoming, Desks(node), slots, granting, line, resorts, visits)
