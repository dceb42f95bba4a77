"""Builders for the tests of cases: units, policy, commands and a world of three members that share no memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from twelve333.core.cases.messages import (
    AcceptCase,
    AnswerCase,
    CloseCase,
    Command,
    OpenCase,
    RefuseCase,
    Signature,
    TellCaller,
    TransferCase,
)
from twelve333.core.cases.model import Case
from twelve333.core.cases.rules import Clocks, Facts, decide
from twelve333.core.decision import Decision, Refusal
from twelve333.core.worktime.model import Calendar, Limit, Measure, OfficeHours, Unit

NANJING, SUZHOU, SHANGHAI, FUZHOU = "320100", "320500", "310000", "350100"
MEMBER_OF = {NANJING: "320000", SUZHOU: "320000", SHANGHAI: "310000", FUZHOU: "350000"}
START = datetime(2026, 3, 2, 2, tzinfo=UTC)  # a Monday, 10:00 in China
CLOCKS = Clocks(
    caller=Limit(3, Unit.DAYS, Measure.CALENDAR),
    owner=Limit(8, Unit.HOURS, Measure.WORKING),
    calendar=Calendar("test", frozenset({2026})),
    hours=OfficeHours(),
)


def opening(case_id: str = "c1", unit: str = NANJING, summary: str = "three months of wages unpaid") -> OpenCase:
    return OpenCase(case_id, unit, "wang", "0301", SHANGHAI, summary)


def signature(unit: str, step_id: str, epoch: int = 1, case_id: str = "c1") -> Signature:
    return Signature(case_id, step_id, epoch, unit, f"clerk-{unit}")


@dataclass
class Desk:
    """One replica and the steps taken on it, as if every unit sat at one table: for the tests of single rules."""

    case: Case | None = None
    now: datetime = START
    events: list[object] = field(default_factory=list)

    def ask(self, command: Command) -> Decision[Case] | Refusal:
        unit = command.unit if isinstance(command, OpenCase) else command.signature.unit
        self.now += timedelta(minutes=1)
        outcome = decide(Facts(self.case, MEMBER_OF[unit], MEMBER_OF, CLOCKS), command, self.now)
        if isinstance(outcome, Decision):
            self.case = outcome.state
            self.events += outcome.events
        return outcome

    def done(self, command: Command) -> Case:
        outcome = self.ask(command)
        assert isinstance(outcome, Decision), outcome
        return outcome.state

    def refused(self, command: Command) -> str:
        before, outcome = self.case, self.ask(command)
        assert isinstance(outcome, Refusal), outcome
        assert self.case == before
        return outcome.code.name


def offered() -> Desk:
    desk = Desk()
    desk.done(opening())
    desk.done(TransferCase(signature(NANJING, "s1"), SHANGHAI))
    return desk


def moved() -> Desk:
    desk = offered()
    desk.done(AcceptCase(signature(SHANGHAI, "s2")))
    return desk


def answered() -> Desk:
    desk = moved()
    desk.done(AnswerCase(signature(SHANGHAI, "s3", 2), "paid on Friday"))
    return desk


def closed() -> Desk:
    desk = answered()
    desk.done(TellCaller(signature(NANJING, "s4", 2)))
    desk.done(CloseCase(signature(NANJING, "s5", 2)))
    return desk


def refusal_of(unit: str = SHANGHAI, step_id: str = "s2", reason: str = "the employer is in Fujian") -> RefuseCase:
    return RefuseCase(signature(unit, step_id), reason)
