"""Lists what was searched for, the same at hub and node."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Final

from grpc.aio import ServicerContext
from sqlalchemy import Connection

from ..api.library.v1 import demand_pb2 as pb
from ..api.library.v1 import demand_pb2_grpc
from ..core.decision import Refused, refuse
from ..core.library.demand import WINDOW_DAYS, Demand
from ..core.worktime.model import CHINA
from ..wire.codes import PAGE_TOO_LARGE
from .clock import Clock
from .sql.database import Database

TERMS_USUAL, TERMS_MAX = 20, 200
Listing = Callable[[Connection, date, bool, int], Demand]  # since when, only without hits, how many
DAYS_MAX: Final = 90


class LibraryDemandHandlers(demand_pb2_grpc.LibraryDemandServiceServicer):
    """See `LibraryDemandService`.

    Args:
        database: of the service.
        listing: reads what may be shown.
        clock: the present moment.
    """

    def __init__(self, database: Database, listing: Listing, clock: Clock) -> None:
        self._database, self._listing, self._clock = database, listing, clock

    async def ListDemand(
        self, request: pb.ListDemandRequest, context: ServicerContext[pb.ListDemandRequest, pb.ListDemandResponse]
    ) -> pb.ListDemandResponse:
        """List the words."""
        if request.limit > TERMS_MAX:
            raise Refused(refuse(PAGE_TOO_LARGE, size=request.limit, max=TERMS_MAX))
        days = min(request.days or WINDOW_DAYS, DAYS_MAX)
        since = self._clock().astimezone(CHINA).date() - timedelta(days=days - 1)
        limit = request.limit or TERMS_USUAL
        found = await self._database.read(lambda tx: self._listing(tx, since, request.without_hits, limit))
        terms = [pb.TermDemand(term=one.term, searches=one.searches, without_hits=one.without_hits) for one in found.terms]
        return pb.ListDemandResponse(terms=terms, searches=found.searches, without_hits=found.without_hits)
