"""Seats of this node's units: leased within a unit of work, so that two calls never get the same one."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection

from twelve333.core.coverage.snapshot import Snapshot
from twelve333.core.decision import Refused, accepted, refuse
from twelve333.core.routing import codes
from twelve333.core.routing.machine import HandoffState
from twelve333.core.routing.offers import Lease, Offer, Post, consider, note
from twelve333.core.routing.visits import Visits
from twelve333.wire.visits import visits_to_wire

from .store import routing as store
from .store.slots import load_accounts


def lease_seat(
    tx: Connection, snapshot: Snapshot, member: str, offer: Offer, hold: timedelta, now: datetime, visits: Visits | None = None
) -> Lease:
    """Lease a seat to an offered call.

    Args:
        tx: the unit of work.
        snapshot: the directory.
        member: this node.
        offer: what is asked, by another node or by this one.
        hold: for how long, until the call is put through.
        now: aware time.
        visits: where the call was, checked; kept for the case that it goes on from here.

    Raises:
        Refused: as `consider` says.
    """
    known = store.load_lease(tx, offer.from_member, offer.id)
    if known is None and store.handed_on(tx, visits.first_id if visits else offer.call.id, offer.unit):
        raise Refused(refuse(codes.LOOP, unit=offer.unit))
    lease = accepted(consider(offer, known, post_of(tx, snapshot, member, offer.unit, now), hold, now)).state
    if lease != known:
        store.add_lease(tx, lease, visits_to_wire(visits).SerializeToString() if visits else b"")
    return lease


def note_lease(
    tx: Connection, snapshot: Snapshot, member: str, origin: str, offer_id: str, to: HandoffState, hold: timedelta, now: datetime
) -> bool:
    """Take notice of what became of a call; False if no seat was ever leased for it.

    Args:
        tx, snapshot, member, now: as in `lease_seat`.
        origin: the member that made the offer.
        offer_id: of the offer.
        to: what the origin says.
        hold: for how long a conversation holds its seat.

    Raises:
        Refused: ROUTING_HANDOFF_STEP.
    """
    lease = store.load_lease(tx, origin, offer_id)
    if lease is None:
        return False
    after = accepted(note(lease, to, post_of(tx, snapshot, member, lease.offer.unit, now), hold, now)).state
    if after != lease:
        store.save_lease(tx, after)
    return True


def post_of(tx: Connection, snapshot: Snapshot, member: str, unit: str, now: datetime) -> Post:
    """What this node knows of the seats of a unit."""
    promises = {holder: account.promises for holder, account in load_accounts(tx, unit, now).items()}
    return Post(snapshot, member, store.running_leases(tx, unit, now), promises)
