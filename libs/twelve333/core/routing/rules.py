"""Where a call goes: every unit that could take it, in order, each with its verdict, and what is left if none does.

Pure, total and deterministic: any call gets an answer, and the same inputs get the same one. The order is that of the plan (owners
of the region asked about, parents, agreements). Of several things that speak against a unit the first in this order is named: loop,
hop limit, standing, topic, language, hours, no node, unreachable, recently refused. Of last resorts, voicemail comes before callback
before case.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from ..coverage.declaring import check_question
from ..coverage.hours import LocalTime
from ..coverage.model import Candidate, Verdict
from ..coverage.snapshot import Entry, Snapshot
from ..decision import Refusal, refuse
from ..ids import check_unit_code
from . import codes
from .model import A_CASE, HOPS_MAX, Call, LastResort, LastResortKind, Route, State

# These units answer for the matter and are only full or out of reach for the moment: they can call back.
_CALLS_BACK: Final = frozenset({Verdict.CHOSEN, Verdict.ELIGIBLE, Verdict.UNREACHABLE, Verdict.RECENTLY_REFUSED})
# Those take a message outside their hours as well.
_TAKES_MESSAGES: Final = _CALLS_BACK | {Verdict.CLOSED_NOW}


def check_call(call: Call) -> Refusal | None:
    """Refuse a call whose region, topic, language or list of units visited is malformed."""
    refusal = check_question(call.region, call.topic, call.language)
    if refusal is None and call.caller_region:
        refusal = check_unit_code(call.caller_region)
    if refusal is None and len(call.visited) > HOPS_MAX:
        refusal = refuse(codes.HOPS_TOO_MANY, hops=len(call.visited), most=HOPS_MAX)
    return refusal or next((found for code in call.visited if (found := check_unit_code(code))), None)


def decide(snapshot: Snapshot, state: State, call: Call, now: datetime) -> Route:
    """Decide where a call goes.

    Args:
        snapshot: the directory, indexed.
        state: what this node observed of others.
        call: the call.
        now: aware time.
    """
    local = snapshot.local(now)
    plan = snapshot.plan(call.region)
    candidates, chosen = list[Candidate](), False
    for entry in plan:
        verdict = _against(entry, state, call, local, now)
        if verdict is None:
            verdict = Verdict.ELIGIBLE if chosen else Verdict.CHOSEN
            chosen = True
        candidates.append(entry.candidates[verdict])
    return Route(call, tuple(candidates), _last_resort(plan, candidates), snapshot.version, now)


def _against(entry: Entry, state: State, call: Call, local: LocalTime, now: datetime) -> Verdict | None:
    if entry.unit in call.visited:
        return Verdict.LOOP
    if len(call.visited) >= HOPS_MAX:
        return Verdict.HOP_LIMIT
    verdict = entry.verdict(call.topic, call.language, local)
    if verdict is not None:
        return verdict
    if entry.no_node:
        return Verdict.NO_NODE
    until = state.unreachable.get(entry.member)
    if until is not None and until > now:
        return Verdict.UNREACHABLE
    until = state.refused.get(entry.unit)
    return Verdict.RECENTLY_REFUSED if until is not None and until > now else None


def _last_resort(plan: Sequence[Entry], candidates: Sequence[Candidate]) -> LastResort:
    for entry, candidate in zip(plan, candidates, strict=True):
        if candidate.verdict in _TAKES_MESSAGES and entry.declaration.voicemail:
            return LastResort(LastResortKind.VOICEMAIL, entry.unit)
    for candidate in candidates:
        if candidate.verdict in _CALLS_BACK:
            return LastResort(LastResortKind.CALLBACK, candidate.unit)
    return A_CASE
