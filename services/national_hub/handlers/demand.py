"""What nodes tell of the searches of a day."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import Connection

from twelve333.adapters.sql.delivery import Inbound
from twelve333.api.library.v1 import demand_pb2 as pb
from twelve333.core.library.demand import Demand, TermDemand

from ..store import demand as store


def keep_demand(tx: Connection, inbound: Inbound, now: datetime) -> None:
    """Keep it (`SearchDemandTold`)."""
    told = pb.SearchDemandTold.FromString(inbound.message)
    terms = {one.term: TermDemand(one.term, one.searches, one.without_hits) for one in told.terms if one.term}
    store.keep(tx, inbound.origin, date.fromisoformat(told.day), Demand(tuple(terms.values()), told.searches, told.without_hits))
