"""Slots of this node's units, promised to others when their nodes ask; kept durably, so that a node started again promises nothing twice.

Under a new epoch (the database was put back to a backup, and what was promised since is not known) nothing is promised for a term.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection

from twelve333.core.coverage.seats import parts_of
from twelve333.core.coverage.snapshot import Snapshot
from twelve333.core.routing.slots import DRIFT, TERM, Line, Seats, grant, nothing_granted
from twelve333.wire.slots import Shown, Wanted

from .context import NodeContext
from .routing_view import RoutingView
from .store import routing as seats_store
from .store import slots as store

Promised = Mapping[str, tuple[datetime, tuple[Line, ...]]]


class Granting:
    """One for a node.

    Args:
        node: the node's ports.
        view: what it routes by.
    """

    def __init__(self, node: NodeContext, view: RoutingView) -> None:
        self._node, self._view = node, view
        self._begun: tuple[int, datetime] | None = None

    async def promise(self, member: str, wanted: Sequence[Wanted]) -> tuple[int, Promised]:
        """Promise slots of our units to a member for a term from now: our epoch, and by unit when and what.

        Raises:
            Refused: REGISTRATION_DIRECTORY_MISSING, DELIVERY_STORE_UNAVAILABLE.
        """
        snapshot, now = self._view.snapshot, self._node.clock()
        ours = [each for each in wanted if _serves(snapshot, self._node.province, each.unit)]
        self._view.rates.wants(member, ours, now)
        theirs = [unit.code for unit in snapshot.units.values() if unit.member == member]

        def keep(tx: Connection) -> tuple[int, Promised]:
            epoch = self._node.outbox.epoch(tx)
            under = None if self._is_quiet(tx, epoch, now) else epoch
            lines = {each.unit: _promise(tx, snapshot, member, theirs, each, under, now) for each in ours}
            return epoch, {unit: (now, told) for unit, told in lines.items() if told}

        return await self._node.database.write(keep)

    async def promised(self) -> list[Shown]:
        """What is promised now, and what calls of others take, by unit and member."""
        snapshot, now = self._view.snapshot, self._node.clock()
        units = [unit.code for unit in snapshot.units.values() if unit.member == self._node.province]

        def load(tx: Connection) -> list[Shown]:
            return [shown for unit in sorted(units) for shown in _shown(tx, snapshot, unit, now)]

        return await self._node.database.read(load)

    async def forget(self) -> None:
        """Forget what has ended."""
        units, now = self._view.known_units(), self._node.clock()
        ours = [code for code, unit in units.items() if unit.member == self._node.province]
        if ours:
            await self._node.database.write(lambda tx: store.forget_accounts(tx, ours, now))

    def _is_quiet(self, tx: Connection, epoch: int, now: datetime) -> bool:
        """Whether promises of an earlier epoch may still be out; this process begins to count when it is first asked."""
        if store.newest_epoch(tx) == epoch:
            return False
        if self._begun is None or self._begun[0] != epoch:
            self._begun = epoch, now
        return now < self._begun[1] + TERM * (1 + DRIFT)


def _serves(snapshot: Snapshot, member: str, unit: str) -> bool:
    known = snapshot.units.get(unit)
    return known is not None and known.member == member and unit in snapshot.declarations


def _seats(tx: Connection, snapshot: Snapshot, unit: str, now: datetime) -> Seats:
    parts = parts_of(snapshot.declarations[unit])
    return Seats(parts, seats_store.running_leases(tx, unit, now), store.load_accounts(tx, unit, now))


def _promise(
    tx: Connection, snapshot: Snapshot, member: str, theirs: Collection[str], wanted: Wanted, epoch: int | None, now: datetime
) -> tuple[Line, ...]:
    """Promise slots of one unit, durably; without an epoch only say how its seats stand."""
    seats = _seats(tx, snapshot, wanted.unit, now)
    if epoch is None:
        return nothing_granted(seats, member, theirs, now) if wanted.parts else ()
    granted = grant(seats, member, theirs, wanted.parts, wanted.seen, now)
    store.save_account(tx, wanted.unit, member, granted.account, epoch)
    return granted.lines


def _shown(tx: Connection, snapshot: Snapshot, unit: str, now: datetime) -> Sequence[Shown]:
    if unit not in snapshot.declarations:
        return ()
    seats = _seats(tx, snapshot, unit, now)
    ledger, found = seats.ledger(now), list[Shown]()
    for member in sorted(ledger.members()):
        parts = [part for part in seats.parts if ledger.promised(member, part) or ledger.uses(member, part)]
        lines = tuple(Line(part.name, ledger.promised(member, part), ledger.uses(member, part), ledger.left(part)) for part in parts)
        account = seats.accounts.get(member)
        until = max((one.until for one in account.promises), default=None) if account else None
        if lines:
            found.append(Shown(unit, member, until, lines))
    return found
