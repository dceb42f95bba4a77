"""The port that every store stands behind: units of work on one connection, the same code on SQLite and PostgreSQL.

Rule served: a unit of work is all or nothing, and its caller hears of success only after the commit is durable.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from sqlalchemy import Connection, make_url
from sqlalchemy.exc import ArgumentError

from ...core.decision import Refused, refuse
from ...core.delivery.codes import STORE_URL_UNSUPPORTED
from .fields import PLAIN, Fields

T = TypeVar("T")
Work = Callable[[Connection], T]
Notes = Mapping[str, Sequence[Any]]  # by topic, what was noted about it
Listener = Callable[[Notes], None]

_NOTES = "twelve333.notes"


class Database(Protocol):
    """A service's one database."""

    @property
    def dialect(self) -> str:
        """`sqlite` or `postgresql`."""

    async def write(self, work: Work[T]) -> T:
        """Run `work` as one unit of work and return its result after the commit.

        Works run one after another, so what a work reads is still true when it writes. A work that raises leaves
        nothing behind and its error reaches the caller. It may run on another thread and must do nothing but use the connection.

        Raises:
            Refused: `DELIVERY_STORE_UNAVAILABLE` (cannot reach, cannot write, disk full), `DELIVERY_STORE_BUSY`, `DELIVERY_STORE_CLOSED`.
        """

    async def write_along(self, work: Work[T]) -> T:
        """As `write`, for what nobody waits for: it may wait a few milliseconds for another work, to share its commit."""

    async def read(self, work: Work[T]) -> T:
        """Run `work` on one consistent view of what is committed; it cannot write. Raises as `write` does."""

    def after_commit(self, listener: Listener) -> None:
        """Call `listener` on the running event loop after each commit that noted topics (see `note`), with those notes."""

    async def close(self) -> None:
        """Finish the work already taken, then close every connection."""


def open_database(url: str, fields: Fields = PLAIN) -> Database:
    """Open the database at `url` without touching it yet.

    Args:
        url: `sqlite:///relative.db`, `sqlite:////absolute.db` or `postgresql+asyncpg://user@host/name`.
        fields: seals personal columns; without one they are kept as they are.

    Raises:
        Refused: `DELIVERY_STORE_URL_UNSUPPORTED`.
    """
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise Refused(refuse(STORE_URL_UNSUPPORTED, scheme=url.partition(":")[0])) from error
    if parsed.drivername in ("sqlite", "sqlite+pysqlite") and parsed.database not in (None, "", ":memory:"):
        from .sqlite import SqliteDatabase  # each driver is loaded only by those who use it

        return SqliteDatabase(str(parsed.database), fields)
    if parsed.drivername == "postgresql+asyncpg":
        from .postgresql import PostgresqlDatabase

        return PostgresqlDatabase(parsed, fields)
    raise Refused(refuse(STORE_URL_UNSUPPORTED, scheme=parsed.drivername))


def note(tx: Connection, topic: str, *facts: object) -> None:
    """Remember that this unit of work touched `topic`, so that listeners are woken after its commit.

    A work that is rolled back may still wake them once: a wake-up is a hint. Facts are more: see `later.note_later`.
    """
    tx.info.setdefault(_NOTES, {}).setdefault(topic, []).extend(facts)


def take_notes(tx: Connection) -> Notes:
    """The topics noted since the last call; used by the databases after a commit."""
    notes: Notes = tx.info.pop(_NOTES, {})
    return notes
