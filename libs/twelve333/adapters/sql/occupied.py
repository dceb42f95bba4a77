"""Whether a database is in use by a running service: a service holds a mark for as long as it lives, a restore must be alone.

On SQLite the mark is a lock on a file beside the database, which the system takes away when the process ends, however it ends. On
PostgreSQL the server itself knows who is connected.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, make_url, text

from ...core.decision import Refused, refuse
from ...core.delivery.codes import STORE_UNAVAILABLE
from . import migrate

_OTHERS = (
    "SELECT count(*) FROM pg_stat_activity "
    "WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
)


@contextmanager
def occupied(url: str) -> Iterator[None]:
    """Mark the database as in use; several processes may at once.

    Raises:
        Refused: DELIVERY_STORE_UNAVAILABLE: a restore is at work.
    """
    path = _mark(url)
    if path is None:
        yield
        return
    with _locked(path, fcntl.LOCK_SH) as free:
        if not free:
            raise Refused(refuse(STORE_UNAVAILABLE, reason="a backup is being restored"))
        yield


@contextmanager
def alone(url: str) -> Iterator[bool]:
    """Whether nobody uses the database; while this lasts nobody can begin to, on SQLite."""
    path = _mark(url)
    if path is None:
        yield migrate.with_connection(url, _nobody_else)
        return
    with _locked(path, fcntl.LOCK_EX) as free:
        yield free


@contextmanager
def _locked(path: Path, kind: int) -> Iterator[bool]:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        free = True
    except BlockingIOError:
        free = False
    try:
        yield free
    finally:
        os.close(descriptor)


def _nobody_else(connection: Connection) -> bool:
    return bool(connection.execute(text(_OTHERS)).scalar_one() == 0)


def _mark(url: str) -> Path | None:
    parsed = make_url(url)
    return Path(f"{parsed.database}.in-use") if parsed.get_backend_name() == "sqlite" else None
