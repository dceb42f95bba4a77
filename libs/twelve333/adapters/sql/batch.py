"""Group commit: many units of work share one transaction, each inside its own savepoint.

Rule served: a work that fails rolls back alone; a batch whose commit fails fails whole, and nobody is told "done" before it is.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextvars import Context, copy_context
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from ...core.decision import Refused, refuse
from ...core.delivery.codes import STORE_BUSY, STORE_DAMAGED, STORE_UNAVAILABLE
from .database import take_notes
from .later import putting_off, savepoint
from .savepoints import BatchLost

BATCH_WORKS_MAX = 512  # a full message of events from as many callers, and what comes along, fit in one
QUEUE_WORKS_MAX = 4096
ALONG_S = 0.005  # how long a work that need not be done at once waits for others to share a commit with


def _future() -> asyncio.Future[Any]:
    return asyncio.get_running_loop().create_future()


@dataclass(slots=True)
class Job:
    """One caller's unit of work, the future that it waits on, and the context it was asked in, which takes its trace along."""

    work: Callable[[Connection], Any]
    future: asyncio.Future[Any] = field(default_factory=_future)
    context: Context = field(default_factory=copy_context)


@dataclass(slots=True)
class Outcome:
    """What one work came to; it is told to the caller only after the commit."""

    job: Job
    result: Any = None
    error: BaseException | None = None

    def tell(self) -> None:
        """Wake the caller, unless it has given up; on its event loop."""
        if self.job.future.done():
            return
        if self.error is not None:
            self.job.future.set_exception(self.error)
        else:
            self.job.future.set_result(self.result)


class Waiting:
    """Works that wait for the writer. Those asked for in one round of the loop are offered to it together.

    Args:
        wake: tells the writer that there are some.
    """

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._jobs: deque[Job] = deque()
        self._along: list[Job] = []
        self._offered = False

    def add(self, work: Callable[[Connection], Any]) -> asyncio.Future[Any]:
        """A work to do next; what it comes to.

        Raises:
            Refused: DELIVERY_STORE_BUSY.
        """
        if len(self._jobs) >= QUEUE_WORKS_MAX:
            raise Refused(refuse(STORE_BUSY, waiting=QUEUE_WORKS_MAX))
        job = Job(work)
        self._jobs.append(job)
        self._offer()
        return job.future

    def add_along(self, work: Callable[[Connection], Any]) -> asyncio.Future[Any]:
        """A work to do with the next one, or alone if none comes soon."""
        job = Job(work)
        if not self._along:
            asyncio.get_running_loop().call_later(ALONG_S, self._offer_along)
        self._along.append(job)
        return job.future

    def hand(self) -> None:
        """Let the writer have all of them; first those that waited for company, because what they read is then not put off yet."""
        self._offered = False
        self._jobs.extendleft(reversed(self._along))
        self._along = []
        self._wake()

    def take(self) -> list[Job]:
        """What is to be done in one transaction, without those whose callers have given up; safe on the writer's thread."""
        jobs: list[Job] = []
        while self._jobs and len(jobs) < BATCH_WORKS_MAX:
            job = self._jobs.popleft()
            if not job.future.cancelled():
                jobs.append(job)
        return jobs

    def _offer_along(self) -> None:
        if self._along:
            self._offer()

    def _offer(self) -> None:
        if not self._offered:
            self._offered = True
            asyncio.get_running_loop().call_soon(self.hand)


def unavailable(error: BaseException) -> Refused:
    """The refusal for a database that is away; names the kind of failure, never its text, which may hold values."""
    origin = getattr(error, "orig", None) or error
    reason = type(origin).__name__
    return Refused(refuse(STORE_DAMAGED, where="SQLite", reason=reason) if is_damage(error) else refuse(STORE_UNAVAILABLE, reason=reason))


def is_damage(error: BaseException) -> bool:
    """Whether a database file is not what was written into it (SQLITE_CORRUPT and its kinds, SQLITE_NOTADB)."""
    origin = getattr(error, "orig", None) or error
    return getattr(origin, "sqlite_errorname", "").startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB"))


def run_batch(tx: Connection, jobs: Sequence[Job], alive: Callable[[Connection], bool], begin: Sequence[str]) -> list[Outcome]:
    """Run each job in its own savepoint inside the transaction that `tx` has open, and write what they put off.

    Args:
        tx: a connection with an open transaction, in which nothing was done yet.
        jobs: whose callers have not given up.
        alive: whether the surrounding transaction still exists after a failure.
        begin: the statements that begin it; a single job is undone by beginning anew.

    Raises:
        BatchLost: the database dropped the transaction (disk full, connection lost), or is damaged.
    """
    take_notes(tx)  # of a batch that was lost
    with putting_off(tx, begin, alone=len(jobs) == 1):
        return [_run_one(tx, job, alive) for job in jobs]


def _run_one(tx: Connection, job: Job, alive: Callable[[Connection], bool]) -> Outcome:
    try:
        with savepoint(tx, "work"):
            return Outcome(job, result=job.context.run(job.work, tx))
    except BatchLost:
        raise
    except BaseException as error:  # not swallowed: it is handed to the caller that waits for it
        if not alive(tx) or (isinstance(error, DBAPIError) and (error.connection_invalidated or is_damage(error))):
            raise BatchLost from error
        return Outcome(job, error=error)


def tell_all(outcomes: Iterable[Outcome]) -> None:
    """Wake every caller, after the commit; on their event loop."""
    for outcome in outcomes:
        outcome.tell()


def failed(jobs: Sequence[Job], error: BaseException) -> list[Outcome]:
    """What to tell every caller when nothing of the batch was kept."""
    return [Outcome(job, error=error) for job in jobs]
