"""What slots of its units a node promised to others: durable before it is told, so that a node started again promises nothing twice."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any, Final

from sqlalchemy import JSON, BigInteger, Column, Connection, Select, String, Table, bindparam, delete, insert, select, update

from twelve333.adapters.sql.rows import Listed
from twelve333.adapters.sql.types import UtcDateTime
from twelve333.core.routing.ledger import Promise
from twelve333.core.routing.slots import TERM, Account

from .metadata import metadata

slot_accounts = Table(
    "slot_accounts",
    metadata,
    Column("unit", String(6), primary_key=True),
    Column("member", String(6), primary_key=True),
    Column("epoch", BigInteger, nullable=False),
    Column("promises", JSON, nullable=False),
    Column("wanted", JSON, nullable=False),
    Column("until", UtcDateTime, nullable=False, index=True),
)


def _accounts(units: list[Any]) -> Select[Any]:
    """Accounts at units that have not ended `now` and end until `last`."""
    it = slot_accounts.c
    running = it.unit.in_(units) & (it.until > bindparam("now")) & (it.until <= bindparam("last"))
    return select(it.unit, it.member, it.promises, it.wanted).where(running)


_ACCOUNTS: Final = Listed(_accounts, slot_accounts.c.unit.type)


def load_accounts(tx: Connection, unit: str, now: datetime) -> dict[str, Account]:
    """What members hold of a unit; what lasts longer than anything was ever promised is from before our clock was set back."""
    return accounts_by_unit(tx, [unit], now)[unit]


def accounts_by_unit(tx: Connection, units: Collection[str], now: datetime) -> dict[str, dict[str, Account]]:
    """The same of several units."""
    accounts: dict[str, dict[str, Account]] = {unit: {} for unit in units}
    for unit, member, promises, wanted in _ACCOUNTS.tuples(tx, units, now=now, last=now + TERM):
        accounts[unit][member] = Account(tuple(map(_promise, promises)), wanted)
    return accounts


def save_account(tx: Connection, unit: str, member: str, account: Account, epoch: int) -> None:
    """Keep what a member holds of a unit in place of what it held; nothing, if nothing is promised."""
    it = slot_accounts.c
    mine = (it.unit == unit) & (it.member == member)
    if not account.promises:
        tx.execute(delete(slot_accounts).where(mine))
        return
    promises = [[one.at.isoformat(), one.until.isoformat(), dict(one.slots)] for one in account.promises]
    until = max(one.until for one in account.promises)
    values = {"epoch": epoch, "promises": promises, "wanted": dict(account.wanted), "until": until}
    if not tx.execute(update(slot_accounts).where(mine).values(values)).rowcount:
        tx.execute(insert(slot_accounts).values(unit=unit, member=member, **values))


def newest_epoch(tx: Connection) -> int:
    """The epoch under which something was promised last; 0: nothing is known to be."""
    return tx.scalar(select(slot_accounts.c.epoch).order_by(slot_accounts.c.epoch.desc()).limit(1)) or 0


def forget_accounts(tx: Connection, units: Iterable[str], now: datetime) -> None:
    """Forget what has ended, and units that are served elsewhere now."""
    it = slot_accounts.c
    tx.execute(delete(slot_accounts).where((it.until <= now) | it.unit.not_in(list(units))))


def _promise(kept: list[object]) -> Promise:
    at, until, slots = kept
    if not (isinstance(at, str) and isinstance(until, str) and isinstance(slots, dict)):
        raise TypeError("a promise is kept as two times and slots by part")
    return Promise(datetime.fromisoformat(at), datetime.fromisoformat(until), slots)
