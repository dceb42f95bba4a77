"""Group commit: many units of work share one transaction, each inside its own savepoint.

Rule served: a work that fails rolls back alone; a batch whose commit fails fails whole, and nobody is told "done" before it is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextvars import Context, copy_context
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from ...core.decision import Refused, refuse
from ...core.delivery.codes import STORE_UNAVAILABLE

BATCH_WORKS_MAX = 256
QUEUE_WORKS_MAX = 4096


@dataclass(slots=True)
class Job:
    """One caller's unit of work, the future it waits on, and the context it was asked in (its trace follows it to the writer's thread)."""

    work: Callable[[Connection], Any]
    future: Future[Any] = field(default_factory=Future)
    context: Context = field(default_factory=copy_context)


@dataclass(slots=True)
class Outcome:
    """What one work came to; it is told to the caller only after the commit."""

    job: Job
    result: Any = None
    error: BaseException | None = None

    def tell(self) -> None:
        """Wake the caller."""
        if self.error is not None:
            self.job.future.set_exception(self.error)
        else:
            self.job.future.set_result(self.result)


class BatchLost(Exception):
    """The transaction under the whole batch is gone."""


def unavailable(error: BaseException) -> Refused:
    """The refusal for a database that is away; names the kind of failure, never its text, which may hold values."""
    origin = getattr(error, "orig", None) or error
    return Refused(refuse(STORE_UNAVAILABLE, reason=type(origin).__name__))


def run_batch(tx: Connection, jobs: Sequence[Job], alive: Callable[[Connection], bool]) -> list[Outcome]:
    """Run each job in its own savepoint inside the transaction that `tx` has open.

    Args:
        tx: a connection with an open transaction.
        jobs: whose callers have not given up.
        alive: whether the surrounding transaction still exists after a failure.

    Raises:
        BatchLost: the database dropped the transaction (disk full, connection lost).
    """
    return [_run_one(tx, job, alive) for job in jobs]


def _run_one(tx: Connection, job: Job, alive: Callable[[Connection], bool]) -> Outcome:
    try:
        with tx.begin_nested():
            return Outcome(job, result=job.context.run(job.work, tx))
    except BaseException as error:  # not swallowed: it is handed to the caller that waits for it
        if not alive(tx) or (isinstance(error, DBAPIError) and error.connection_invalidated):
            raise BatchLost from error
        return Outcome(job, error=error)


def fail_all(jobs: Sequence[Job], error: BaseException) -> None:
    """Tell every caller that nothing of the batch was kept."""
    for job in jobs:
        job.future.set_exception(error)
