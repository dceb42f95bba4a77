"""How cases look: times in Chinese official time, deadlines marked when overdue or provisional, the history as signed."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from ..adapters.clock import system_clock
from ..catalogue.catalogue import sentence
from ..client.cases import CasePage
from ..core.cases.messages import CaseAnswered, CaseEvent, DutyOffered, TransferOffered, TransferRefused
from ..core.cases.model import Case, caller_is_overdue, owner_is_overdue
from ..core.worktime.model import CHINA, Due
from .common import Common
from .output import console, print_json, show, show_one

STEP_NAMES = {
    "CaseOpened": "opened",
    "TransferOffered": "offered",
    "TransferAccepted": "accepted",
    "TransferRefused": "refused",
    "CaseAnswered": "answered",
    "CallerTold": "told",
    "CaseClosed": "closed",
    "DutyOffered": "duty_offered",
    "DutyTaken": "duty_taken",
    "DutyDeclined": "duty_declined",
}


def show_case(case: Case, common: Common) -> None:
    """Print one case with its history."""
    now = system_clock()
    if common.json:
        print_json(
            {**as_plain(case, now), "summary": case.summary, "answer": case.answer, "history": [_plain(step) for step in case.history]}
        )
        return
    locale = common.language
    texts = {sentence("CASES_SUMMARY", locale=locale): case.summary, sentence("CASES_ANSWER", locale=locale): case.answer}
    show_one({**_row(case, now, locale), **texts}, as_json=False)
    steps = [_step_row(step, locale) for step in case.history]
    if steps:
        show(steps, list(steps[0]), as_json=False, title=sentence("CASES_HISTORY_TITLE", locale=locale))


def show_cases(page: CasePage, common: Common) -> None:
    """Print a listing; nobody's words are in it."""
    now, locale = system_clock(), common.language
    if common.json:
        print_json([as_plain(case, now) for case in page.cases])
        return
    rows = [_row(case, now, locale) for case in page.cases]
    if not rows:
        console.print(sentence("CASES_NONE", locale=locale))
        return
    show(rows, list(rows[0]), as_json=False, title=f"{sentence('CASES_TITLE', locale=locale)}: {len(rows)} / {page.total}")


def as_plain(case: Case, now: datetime) -> dict[str, Any]:
    """A case as plain values with stable names, without anybody's words."""
    return {
        "case_id": case.case_id,
        "state": case.state.value,
        "topic": case.topic,
        "region": case.region,
        "opened_at": case.opened_at.isoformat(),
        "first_asked_unit": case.first_asked.unit,
        "first_asked_member": case.first_asked.member,
        "owner_unit": case.owner.unit,
        "owner_member": case.owner.member,
        "owner_epoch": case.owner_epoch,
        "offered_to_unit": case.pending.to.unit if case.pending else None,
        "version": case.version,
        "caller_due": {"at": case.caller_due.at.isoformat(), "provisional": case.caller_due.provisional},
        "owner_due": {"at": case.owner_due.at.isoformat(), "provisional": case.owner_due.provisional},
        "caller_overdue": caller_is_overdue(case, now),
        "owner_overdue": owner_is_overdue(case, now),
    }


def _plain(step: CaseEvent) -> dict[str, Any]:
    stamp = step.stamp
    said = {"unit": stamp.by.unit, "member": stamp.by.member, "signed_by": stamp.signed_by, "at": stamp.at.isoformat()}
    values: dict[str, Any] = {"version": stamp.version, "step": STEP_NAMES[type(step).__name__], "step_id": stamp.step_id, **said}
    if isinstance(step, TransferOffered):
        values["to_unit"] = step.to.unit
    if isinstance(step, DutyOffered):
        values["to_member"] = step.to.member
    if isinstance(step, TransferRefused):
        values["reason"] = step.reason
    if isinstance(step, CaseAnswered):
        values["answer"] = step.answer
    return values


def _row(case: Case, now: datetime, locale: str) -> dict[str, str]:
    state = sentence(f"CASES_STATE_{case.state.name}", {"unit": case.pending.to.unit if case.pending else ""}, locale)
    values = {
        "ID": case.case_id,
        "STATE": state,
        "TOPIC": case.topic,
        "REGION": case.region,
        "FIRST_ASKED": case.first_asked.unit,
        "OWNER": case.owner.unit,
        "CALLER_DUE": _deadline(case.caller_due, caller_is_overdue(case, now), locale),
        "OWNER_DUE": _deadline(case.owner_due, owner_is_overdue(case, now), locale),
    }
    return _labelled(values, locale)


def _step_row(step: CaseEvent, locale: str) -> dict[str, str]:
    stamp, name = step.stamp, STEP_NAMES[type(step).__name__].upper()
    params = {"unit": step.to.unit} if isinstance(step, TransferOffered) else {}
    if isinstance(step, TransferRefused):
        params = {"reason": step.reason}
    text = sentence(f"CASES_STEP_{name}", params, locale)
    return _labelled({"STEP": text, "UNIT": stamp.by.unit, "SIGNED_BY": stamp.signed_by, "AT": _moment(stamp.at)}, locale)


def _labelled(values: dict[str, str], locale: str) -> dict[str, str]:
    return {sentence(f"CASES_COLUMN_{name}", locale=locale): value for name, value in values.items()}


def _deadline(due: Due, overdue: bool, locale: str) -> str:
    marks = (["CASES_OVERDUE"] if overdue else []) + (["CASES_PROVISIONAL"] if due.provisional else [])
    return " ".join([_moment(due.at), *(f"({sentence(mark, locale=locale)})" for mark in marks)])


def _moment(at: datetime) -> str:
    return f"{at.astimezone(CHINA):%Y-%m-%d %H:%M}"
