"""Coverage at a node: the same answers as at the hub, from the node's own replica of the directory."""

from __future__ import annotations

from datetime import datetime

from twelve333.adapters.coverage import CoverageHandlers
from twelve333.core.coverage.snapshot import Snapshot

from ..context import NodeContext
from ..routing_view import RoutingView


def coverage_handlers(node: NodeContext, view: RoutingView) -> CoverageHandlers:
    """The handlers of `CoverageService` over what the node routes by."""

    async def snapshot(at: datetime) -> Snapshot:
        return view.snapshot_at(at)

    return CoverageHandlers(snapshot, node.clock)
