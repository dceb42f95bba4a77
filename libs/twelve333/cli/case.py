"""`twelve333 case`: open, move, answer and close cases at a node; see them there or at the hub."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from ..client.cases import CasesClient
from ..core.cases.model import Case, State
from ..core.decision import Code, Kind, Refused, refuse
from .case_output import show_case, show_cases
from .common import Common, Count, OptionalInput, connect, read_text

TEXT_SOURCE = Code("CLI_TEXT_SOURCE", Kind.INVALID)

app = App(
    name="case",
    help="Cases: a question that was not answered in the call. The unit asked first tells the caller in the end; one unit owns the work. "
    "Ask a node, so use a desk's profile; list and show also work at the hub.",
)
Epoch = Annotated[Count | None, Parameter(name="--epoch")]
Step = Annotated[str | None, Parameter(name="--step-id")]


@app.command(name="open")
async def open_case(
    *,
    unit: str,
    topic: str,
    region: str,
    summary_file: OptionalInput = None,
    summary: str | None = None,
    id: str | None = None,
    common: Common = Common(),
) -> None:
    """Open a case for a caller of one of this node's units.

    Args:
        unit: the unit that was asked, e.g. 320100; it tells the caller in the end.
        topic: classification code of the matter.
        region: region of the matter, e.g. 310000.
        summary_file: file with what the caller wants; `-` reads standard input.
        summary: the same as an argument; it is personal, and other users of this machine may see it.
        id: id of the case; made up if absent. Give the same again to repeat.
    """
    text = _text("summary", summary, summary_file)
    async with connect(common) as node:
        case = await node.cases.open(unit, topic=topic, region=region, summary=text, case_id=id)
    show_case(case, common)


@app.command
async def transfer(case: str, to_unit: str, *, epoch: Epoch = None, step_id: Step = None, common: Common = Common()) -> None:
    """Offer a case to another unit; it stays where it is until that unit accepts.

    Args:
        case: id of the case.
        to_unit: the unit it is offered to, e.g. 310000.
        epoch: owner epoch that you saw; refused if the case has moved since.
        step_id: id of this step; give the same again to repeat.
    """
    await _take(case, epoch, common, lambda cases, seen: cases.transfer(seen, to_unit, step_id=step_id))


@app.command
async def accept(case: str, *, epoch: Epoch = None, step_id: Step = None, common: Common = Common()) -> None:
    """Take over a case that is offered to one of this node's units; its clock starts anew.

    Args:
        case: id of the case.
        epoch: owner epoch that you saw; refused if the case has moved since.
        step_id: id of this step; give the same again to repeat.
    """
    await _take(case, epoch, common, lambda cases, seen: cases.accept(seen, step_id=step_id))


@app.command(name="refuse")
async def refuse_case(
    case: str,
    *,
    reason: str | None = None,
    reason_file: OptionalInput = None,
    epoch: Epoch = None,
    step_id: Step = None,
    common: Common = Common(),
) -> None:
    """Do not take a case that is offered to one of this node's units; say why.

    Args:
        case: id of the case.
        reason: why; the unit that offered it reads this.
        reason_file: file with the reason; `-` reads standard input.
        epoch: owner epoch that you saw; refused if the case has moved since.
        step_id: id of this step; give the same again to repeat.
    """
    text = _text("reason", reason, reason_file)
    await _take(case, epoch, common, lambda cases, seen: cases.refuse(seen, text, step_id=step_id))


@app.command
async def answer(
    case: str,
    *,
    answer_file: OptionalInput = None,
    answer: str | None = None,
    epoch: Epoch = None,
    step_id: Step = None,
    common: Common = Common(),
) -> None:
    """Answer a case that one of this node's units owns.

    Args:
        case: id of the case.
        answer_file: file with the answer; `-` reads standard input.
        answer: the same as an argument; it is personal, and other users of this machine may see it.
        epoch: owner epoch that you saw; refused if the case has moved since.
        step_id: id of this step; give the same again to repeat.
    """
    text = _text("answer", answer, answer_file)
    await _take(case, epoch, common, lambda cases, seen: cases.answer(seen, text, step_id=step_id))


@app.command
async def tell(case: str, *, epoch: Epoch = None, step_id: Step = None, common: Common = Common()) -> None:
    """Record that the unit asked first has told the caller the answer.

    Args:
        case: id of the case.
        epoch: owner epoch that you saw; refused if the case has moved since.
        step_id: id of this step; give the same again to repeat.
    """
    await _take(case, epoch, common, lambda cases, seen: cases.tell_caller(seen, step_id=step_id))


@app.command
async def close(case: str, *, epoch: Epoch = None, step_id: Step = None, common: Common = Common()) -> None:
    """Close a case, after its caller was told.

    Args:
        case: id of the case.
        epoch: owner epoch that you saw; refused if the case has moved since.
        step_id: id of this step; give the same again to repeat.
    """
    await _take(case, epoch, common, lambda cases, seen: cases.close(seen, step_id=step_id))


@app.command
async def show(case: str, *, common: Common = Common()) -> None:
    """Show a case and every step that was taken: who, for which unit, when.

    Args:
        case: id of the case.
    """
    async with connect(common) as member:
        found = await member.cases.get(case)
    show_case(found, common)


@app.command(name="list")
async def list_cases(
    *,
    state: State | None = None,
    owner: str = "",
    first_asked: str = "",
    offered_to: str = "",
    overdue: bool = False,
    limit: Annotated[int, Parameter(validator=lambda _, value: _check_limit(value))] = 100,
    common: Common = Common(),
) -> None:
    """List cases, those whose callers must be told first at the front.

    Args:
        state: only cases in this state.
        owner: only cases that this unit works on.
        first_asked: only cases that this unit was asked first.
        offered_to: only cases that wait for this unit to accept or refuse.
        overdue: only cases with a deadline that has passed.
        limit: how many at most, 1 to 1000.
    """
    async with connect(common) as member:
        page = await member.cases.list(
            state=state, owner_unit=owner, first_asked_unit=first_asked, offered_to_unit=offered_to, overdue_only=overdue, size=limit
        )
    show_cases(page, common)


async def _take(case_id: str, epoch: int | None, common: Common, step: Callable[[CasesClient, Case], Awaitable[Case]]) -> None:
    """Read the case, take the step on what was seen, show what it is then."""
    async with connect(common) as node:
        seen = await node.cases.get(case_id)
        after = await step(node.cases, seen if epoch is None else replace(seen, owner_epoch=epoch))
    show_case(after, common)


def _text(name: str, given: str | None, file: Path | None) -> str:
    """The text of an option or of a file; exactly one of them."""
    if (given is None) == (file is None):
        raise Refused(refuse(TEXT_SOURCE, option=name))
    return read_text(file).strip() if file else given or ""


def _check_limit(value: int) -> None:
    if not 1 <= value <= 1000:
        raise ValueError("must be 1 to 1000")
