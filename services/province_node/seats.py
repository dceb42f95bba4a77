"""Seats of this node's units: leased within a unit of work, so that two calls never get the same one.

Calls that are offered at the same time share a unit of work: what is known of their units is read once, and each is decided in turn, beside
those before it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import Connection

from twelve333.adapters.together import Together
from twelve333.core.coverage.snapshot import Snapshot
from twelve333.core.decision import Refusal, accepted, refuse
from twelve333.core.routing import codes
from twelve333.core.routing.ledger import Taken
from twelve333.core.routing.machine import HandoffState
from twelve333.core.routing.offers import Lease, Offer, Post, consider, note
from twelve333.core.routing.visits import Visits
from twelve333.wire.visits import visits_to_wire

from .context import NodeContext
from .routing_view import RoutingView
from .store import routing as store
from .store.slots import accounts_by_unit


@dataclass(frozen=True, slots=True)
class Asked:
    """A call that is offered by another node or by this one, and where it was, checked; kept for the case that it goes on from here."""

    offer: Offer
    visits: Visits | None = None

    @property
    def first_id(self) -> str:
        """The id of the first handoff of the call."""
        return self.visits.first_id if self.visits else self.offer.call.id


@dataclass(frozen=True, slots=True)
class Leased:
    """A seat, and whether it is a new one: an offer that is repeated gets the same."""

    lease: Lease
    is_new: bool


class Seating:
    """Leases seats of a node's units.

    Args:
        node: its ports.
        view: what it routes by.
    """

    def __init__(self, node: NodeContext, view: RoutingView) -> None:
        self._node, self._view = node, view
        self._together = Together(self._lease)

    async def lease(self, offer: Offer, visits: Visits | None = None) -> Leased:
        """Lease a seat to an offered call, durably.

        Raises:
            Refused: ROUTING_LOOP, or as `consider` says.
        """
        return await self._together.one(Asked(offer, visits))

    async def _lease(self, asked: Sequence[Asked]) -> Sequence[Leased | Refusal]:
        snapshot, member, now = self._view.snapshot, self._node.province, self._node.clock()
        hold = timedelta(seconds=self._node.settings.handoff.seat_hold_seconds)
        return await self._node.database.write(lambda tx: lease_seats(tx, snapshot, member, asked, hold, now))


def lease_seats(
    tx: Connection, snapshot: Snapshot, member: str, asked: Sequence[Asked], hold: timedelta, now: datetime
) -> list[Leased | Refusal]:
    """Lease seats to offered calls, one after the other; the answers in their order.

    Args:
        tx: the unit of work.
        snapshot: the directory.
        member: this node.
        asked: the calls.
        hold: for how long, until a call is put through.
        now: aware time.
    """
    known = {(it.offer.from_member, it.offer.id): it for it in store.load_leases(tx, [each.offer.call.id for each in asked])}
    gone_on = store.handed_on(tx, [each.first_id for each in asked])
    posts, answers = posts_of(tx, snapshot, member, {each.offer.unit for each in asked}, now), list[Leased | Refusal]()
    for each in asked:
        offer, key = each.offer, (each.offer.from_member, each.offer.id)
        if key not in known and (each.first_id, offer.unit) in gone_on:
            answers.append(refuse(codes.LOOP, unit=offer.unit))
            continue
        decision = consider(offer, known.get(key), posts[offer.unit], hold, now)
        if isinstance(decision, Refusal):
            answers.append(decision)
            continue
        lease = decision.state
        answers.append(Leased(lease, key not in known))
        if key not in known:
            store.add_lease(tx, lease, visits_to_wire(each.visits).SerializeToString() if each.visits else b"")
            known[key], posts[offer.unit] = lease, _beside(posts[offer.unit], lease)
    return answers


def _beside(post: Post, lease: Lease) -> Post:
    offer, call = lease.offer, lease.offer.call
    seat = Taken(lease.held_until, offer.from_member, offer.from_unit, call.topic, call.language, lease.pool)
    return replace(post, taken=[*post.taken, seat])


def note_lease(
    tx: Connection, snapshot: Snapshot, member: str, origin: str, offer_id: str, to: HandoffState, hold: timedelta, now: datetime
) -> bool:
    """Take notice of what became of a call; False if no seat was ever leased for it.

    Args:
        tx, snapshot, member, now: as in `lease_seats`.
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
    return posts_of(tx, snapshot, member, [unit], now)[unit]


def posts_of(tx: Connection, snapshot: Snapshot, member: str, units: Collection[str], now: datetime) -> dict[str, Post]:
    """The same of several units."""
    taken, accounts = store.running_by_unit(tx, units, now), accounts_by_unit(tx, units, now)
    promises = {unit: {holder: account.promises for holder, account in accounts[unit].items()} for unit in units}
    return {unit: Post(snapshot, member, taken[unit], promises[unit]) for unit in units}
