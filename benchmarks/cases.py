"""How many steps of cases a node takes, and how fast a deadline in working time is computed."""

from __future__ import annotations

import tempfile
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any, Final, cast

from province_node.cases_policy import Cases
from province_node.context import NodeContext
from province_node.handlers.cases import CaseHandlers
from province_node.store import delivery_of
from twelve333.adapters.calendar import announced_calendar
from twelve333.adapters.clock import system_clock
from twelve333.adapters.rpc import access
from twelve333.adapters.signing.document_keys import DocumentKeys
from twelve333.adapters.sql import migrate, open_database
from twelve333.api.cases.v1 import cases_pb2
from twelve333.api.cases.v1 import service_pb2 as pb
from twelve333.api.registration.v1 import registration_pb2
from twelve333.core.identity import Caller, Role
from twelve333.core.worktime.model import Limit, Measure, OfficeHours, Unit
from twelve333.core.worktime.rules import due

from .directories import SEED
from .figure import Figure, rate, rate_and_times, times
from .measure import Failed, concurrent, interleave, repeated
from .stores import SQLITE_PEER, bare_sqlite, commits

CLERKS: Final = 16
STEPS_OF_A_CASE: Final = ("open", "answer", "tell", "close")
UNIT: Final = "320100"
TEXT: Final = "三个月工资未发，工地在上海，包工头联系不上。" * 4


async def deadlines() -> list[Figure]:
    """`cases.deadlines`: eight working hours from instants of 2013 to 2015, beside adding eight hours to the same instants."""
    chance, first = Random(SEED), datetime(2013, 1, 1, tzinfo=UTC)
    starts = [first + timedelta(minutes=chance.randrange(3 * 365 * 24 * 60)) for _ in range(2_000)]
    limit, calendar, hours, plain = Limit(8, Unit.HOURS, Measure.WORKING), announced_calendar(), OfficeHours(), timedelta(hours=8)
    sides = {
        "due": repeated(lambda number: due(starts[number % len(starts)], limit, calendar, hours)),
        "add": repeated(lambda number: (starts[number % len(starts)] + plain).astimezone(UTC)),
    }
    taken = await interleave(sides)
    return rate_and_times("cases.deadlines", taken["due"], "plain datetime addition", taken["add"])


async def steps() -> list[Figure]:
    """`cases.steps_sqlite`: steps that a node decides, keeps and puts into its outbox, beside committing as many bytes as a step has.

    The rate is that of 16 clerks at once, the times are those of one alone.
    """
    with tempfile.TemporaryDirectory(prefix="twelve333-bench-") as folder:
        async with _node(Path(folder)) as handlers:
            clerk = Clerk(handlers, count(), None)
            waiting = deque(replace(clerk) for _ in range(CLERKS))
            step_bytes = max([await clerk.step() for _ in STEPS_OF_A_CASE], key=len)
            with bare_sqlite(Path(folder) / "bare.db") as bare:

                async def any_clerk() -> None:
                    free = waiting.popleft()
                    await free.step()
                    waiting.append(free)

                sides = {
                    "many": concurrent(any_clerk, CLERKS),
                    "bare": commits(bare, step_bytes),
                    "one": concurrent(clerk.step, 1),
                }
                taken = await interleave(sides)
    together = rate("cases.steps_sqlite", taken["many"], SQLITE_PEER, taken["bare"])
    return [together, *times("cases.steps_sqlite", taken["one"], SQLITE_PEER, taken["bare"])]


@dataclass
class Clerk:
    """Moves one case after another: open, answer, tell the caller, close, all in one unit.

    Args:
        handlers: of the node.
        numbers: of cases, shared by all clerks.
        case: the present one.
    """

    handlers: CaseHandlers
    numbers: Iterator[int]
    case: cases_pb2.Case | None

    async def step(self) -> bytes:
        """Take the next step; the bytes that were kept of it."""
        taken = len(self.case.history) if self.case else 0
        self.case = await self._next(taken)
        if len(self.case.history) != taken + 1:
            raise Failed(f"a case has {len(self.case.history)} steps instead of {taken + 1}")
        kept = self.case.history[-1].SerializeToString()
        if taken + 1 == len(STEPS_OF_A_CASE):
            self.case = None
        return kept

    async def _next(self, taken: int) -> cases_pb2.Case:
        handlers, unused = self.handlers, cast("Any", None)
        if self.case is None:
            opening = pb.OpenCaseRequest(case_id=f"bench-{next(self.numbers)}", unit=UNIT, topic="0301", region=UNIT, summary=TEXT)
            return await handlers.OpenCase(opening, unused)
        name = self.case.case_id
        signed: dict[str, Any] = {"case_id": name, "owner_epoch": 1, "unit": UNIT, "step_id": f"{name}-{taken}"}
        match STEPS_OF_A_CASE[taken]:
            case "answer":
                return await handlers.AnswerCase(pb.AnswerCaseRequest(**signed, answer=TEXT), unused)
            case "tell":
                return await handlers.TellCaller(pb.TellCallerRequest(**signed), unused)
            case _:
                return await handlers.CloseCase(pb.CloseCaseRequest(**signed), unused)


@asynccontextmanager
async def _node(folder: Path) -> AsyncIterator[CaseHandlers]:
    """The handlers of a node on a database of its own."""
    url, delivery = f"sqlite:///{folder / 'node.db'}", delivery_of("320000")
    migrate.upgrade("province_node", url)
    database = open_database(url)
    await database.write(lambda tx: delivery.outbox.begin_epoch(tx, system_clock()))
    unit = registration_pb2.Unit(code=UNIT, member="320000", status=registration_pb2.UNIT_STATUS_OPEN)
    directory = registration_pb2.Directory(members=[registration_pb2.Member(name="320000")], units=[unit])
    settings, unused = SimpleNamespace(province="320000", cases=Cases()), cast("Any", None)
    replica = cast("Any", SimpleNamespace(current=directory))
    # The gate proves the caller before a handler runs; here there is no gate, so the caller is simply there.
    access._caller.set(Caller(Role.DESK, "320000", "desk-1"))
    try:
        yield CaseHandlers(NodeContext(cast("Any", settings), database, delivery.outbox, system_clock, replica, unused, DocumentKeys(b"")))
    finally:
        await database.close()
