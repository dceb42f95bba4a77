"""Savepoints of a group of works, opened only when a statement needs one, and one for all that are asked for at the same moment.

Rule served: a part that fails is undone alone. A work that has the transaction to itself needs no savepoint: the transaction is begun
again. Statements that go round SQLAlchemy call `open_savepoints` themselves; for all others an event does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Connection, Engine, event
from sqlalchemy.engine.interfaces import DBAPICursor
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

_POINTS: Final = "twelve333.savepoints"


class BatchLost(Exception):
    """The transaction under the whole group is gone."""


@dataclass(slots=True)
class Points:
    """What one group has asked for and opened.

    Args:
        begin: the statements that begin its transaction.
        alone: whether one work has the transaction to itself, so that its beginning is the outermost savepoint.
    """

    begin: Sequence[str]
    alone: bool
    asked: list[str] = field(default_factory=list)  # and not opened yet
    opened: list[list[str]] = field(default_factory=list)  # names that share a savepoint, which has the name of the first

    def open(self, tx: Connection) -> None:
        """Open what is asked for: one savepoint, since nothing was done in between."""
        names, self.asked = self.asked, []
        if not self._begins():
            execute(tx, f"SAVEPOINT {names[0]}")
        self.opened.append(names)

    def release(self, tx: Connection, name: str) -> None:
        """What was done inside belongs to what is around it."""
        if name in self.asked:
            self.asked.remove(name)  # nothing was done inside
        elif self.opened[-1][0] != name:
            self.opened[-1].remove(name)
        else:
            self.opened.pop()
            if not self._begins():
                execute(tx, f"RELEASE SAVEPOINT {name}")

    def undo(self, tx: Connection, name: str, why: BaseException) -> None:
        """Undo what was done inside.

        Args:
            why: what went wrong inside.

        Raises:
            BatchLost: from `why`: it cannot be undone.
        """
        if name in self.asked:
            self.asked.remove(name)
            return
        names = self.opened[-1]
        try:
            for statement in ("ROLLBACK", *self.begin) if self._is_first() else (f"ROLLBACK TO SAVEPOINT {names[0]}",):
                execute(tx, statement)
        except SQLAlchemyError:
            raise BatchLost from why
        names.remove(name)
        if not names:
            self.opened.pop()

    def _begins(self) -> bool:
        """Whether the next savepoint, or the one just closed, is the beginning of the transaction."""
        return self.alone and not self.opened

    def _is_first(self) -> bool:
        return self.alone and len(self.opened) == 1


def begin_points(tx: Connection, begin: Sequence[str], alone: bool) -> None:
    """From now on savepoints of this transaction are opened when they are needed."""
    tx.info[_POINTS] = Points(begin, alone)


def end_points(tx: Connection) -> None:
    """The group is over."""
    tx.info.pop(_POINTS, None)


def points_of(tx: Connection) -> Points | None:
    """Those of the group that runs; None outside of one."""
    points: Points | None = tx.info.get(_POINTS)
    return points


def open_savepoints(tx: Connection) -> None:
    """A statement is about to run: whatever it is part of must be undone with it."""
    points = tx.info.get(_POINTS)
    if points is not None and points.asked:
        points.open(tx)


def executed(tx: Connection, statement: str, values: Sequence[Any] = ()) -> DBAPICursor:
    """Run a statement, handed straight to the driver; its cursor, to be closed.

    Raises:
        DBAPIError: what SQLAlchemy would raise; the text never holds values.
    """
    cursor = tx.connection.cursor()
    try:
        cursor.execute(statement, values)
    except tx.dialect.loaded_dbapi.Error as error:
        cursor.close()
        lost = tx.dialect.is_disconnect(error, tx.connection.dbapi_connection, cursor)
        if lost:
            tx.invalidate(error)
        raise DBAPIError.instance(
            statement, None, error, tx.dialect.loaded_dbapi.Error, hide_parameters=True, connection_invalidated=lost, dialect=tx.dialect
        ) from error
    return cursor


def execute(tx: Connection, statement: str, values: Sequence[Any] = ()) -> None:
    """Run a statement that answers nothing."""
    executed(tx, statement, values).close()


@event.listens_for(Engine, "before_cursor_execute")
def _before(tx: Connection, *_statement: object) -> None:
    open_savepoints(tx)
