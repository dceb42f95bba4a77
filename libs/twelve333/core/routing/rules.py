"""Where a call goes: every unit that could take it, in order, each with its verdict, and what is left if none does.

Pure, total and deterministic: any call gets an answer, and the same inputs get the same one; the random number for weights is the call's.
The order is: units that a rule of the owner names, owners of the region asked about, parents, agreements. Of several things that speak
against a unit the first in this order is named: loop, hop limit, standing, topic, language, hours, agreement, no node, unreachable,
recently refused, a rule of its own, inactive, full, rate. Of last resorts, voicemail comes before callback before case.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Final

from ..coverage.declaring import check_question
from ..coverage.hours import LocalTime
from ..coverage.model import Candidate, Relation, Told, Verdict
from ..coverage.snapshot import Entry, Snapshot
from ..decision import Refusal, refuse
from ..ids import check_unit_code
from . import codes
from .model import A_CASE, HOPS_MAX, PRIORITY_MAX, Call, LastResort, LastResortKind, Queue, Route, State
from .policy import Policies, by_weight

# These units answer for the matter and are only full or out of reach for the moment: they can call back.
_CALLS_BACK: Final = frozenset(
    {
        Verdict.CHOSEN,
        Verdict.ELIGIBLE,
        Verdict.UNREACHABLE,
        Verdict.RECENTLY_REFUSED,
        Verdict.INACTIVE,
        Verdict.FULL,
        Verdict.RATE,
    }
)
NO_POLICIES: Final[Mapping[str, Policies]] = MappingProxyType({})
# Those take a message outside their hours as well.
_TAKES_MESSAGES: Final = _CALLS_BACK | {Verdict.CLOSED_NOW}


def check_call(call: Call) -> Refusal | None:
    """Refuse a call whose region, topic, language, list of units visited, priority or draw is malformed."""
    refusal = check_question(call.region, call.topic, call.language)
    if refusal is None and call.caller_region:
        refusal = check_unit_code(call.caller_region)
    if refusal is None and len(call.visited) > HOPS_MAX:
        refusal = refuse(codes.HOPS_TOO_MANY, hops=len(call.visited), most=HOPS_MAX)
    if refusal is None and not (0 <= call.priority <= PRIORITY_MAX and 0.0 <= call.draw < 1.0):
        refusal = refuse(codes.PRIORITY_OUT_OF_RANGE, priority=call.priority, most=PRIORITY_MAX)
    return refusal or next((found for code in call.visited if (found := check_unit_code(code))), None)


def decide(snapshot: Snapshot, state: State, call: Call, now: datetime, policies: Mapping[str, Policies] = NO_POLICIES) -> Route:
    """Decide where a call goes.

    Args:
        snapshot: the directory, indexed.
        state: what this node knows of others for the moment.
        call: the call, with its draw.
        now: aware time.
        policies: rules of units, made ready.
    """
    local = snapshot.local(now)
    plan: Sequence[Entry] = snapshot.plan_for(call.region, call.topic, call.language)
    named, rule = _named(snapshot, plan, state, call, local, now, policies) if policies else ((), "")
    if named:
        first = {entry.unit for entry in named}
        plan = (*named, *(entry for entry in plan if entry.unit not in first))
    candidates, chosen = list[Candidate](), False
    for entry in plan:
        verdict, by_rule = _against(entry, state, call, local, now, policies)
        if verdict is None:
            verdict = Verdict.ELIGIBLE if chosen else Verdict.CHOSEN
            chosen = True
        told = _told(state, entry.unit, now) if state.queues else Told.NOTHING
        by_rule = by_rule or (rule if entry.relation is Relation.POLICY else "")
        found = entry.candidate(verdict, told)
        candidates.append(Candidate(found.unit, found.member, found.relation, verdict, by_rule, told) if by_rule else found)
    used = tuple((entry.unit, policies[entry.unit].revision) for entry in plan if entry.unit in policies) if policies else ()
    return Route(call, tuple(candidates), _last_resort(plan, candidates), snapshot.version, now, snapshot.calendar.version, used)


def _named(
    snapshot: Snapshot,
    plan: Sequence[Entry],
    state: State,
    call: Call,
    local: LocalTime,
    now: datetime,
    policies: Mapping[str, Policies],
) -> tuple[Sequence[Entry], str]:
    """The units that a rule of the first owner wants tried first, in the order drawn, and the rule's name."""
    own = policies.get(plan[0].unit) if plan else None
    if own is None or not own.prefer:
        return (), ""
    queue = _fresh(state, plan[0].unit, now)
    for rule in own.prefer:
        if rule.holds(call, queue, local, now):
            entries = {target.unit: snapshot.named[target.unit] for target in rule.targets if target.unit in snapshot.named}
            able = {unit: _against(entry, state, call, local, now, policies)[0] is None for unit, entry in entries.items()}
            order = by_weight(rule.targets, rule.rest_of(call.draw), able)
            return [entries[unit] for unit in order if unit in entries], rule.name
    return (), ""


def _against(
    entry: Entry, state: State, call: Call, local: LocalTime, now: datetime, policies: Mapping[str, Policies]
) -> tuple[Verdict | None, str]:
    """What speaks against a unit for this call, and the rule if it is one."""
    if entry.unit in call.visited:
        return Verdict.LOOP, ""
    if len(call.visited) >= HOPS_MAX:
        return Verdict.HOP_LIMIT, ""
    verdict = entry.verdict(call.topic, call.language, local) or _out_of_reach(entry, state, now)
    if verdict is not None:
        return verdict, ""
    own = policies.get(entry.unit)
    if own is not None and own.refuse:
        queue = _fresh(state, entry.unit, now)
        for rule in own.refuse:
            if rule.holds(call, queue, local, now):
                return Verdict.RULE, rule.name
    return _no_room(entry.unit, state, call, now), ""


def _out_of_reach(entry: Entry, state: State, now: datetime) -> Verdict | None:
    if entry.no_node:
        return Verdict.NO_NODE
    until = state.unreachable.get(entry.member)
    if until is not None and until > now:
        return Verdict.UNREACHABLE
    until = state.refused.get(entry.unit)
    return Verdict.RECENTLY_REFUSED if until is not None and until > now else None


def _no_room(unit: str, state: State, call: Call, now: datetime) -> Verdict | None:
    """Whether a unit has no place for the call, as far as it told lately or as we hold slots of it; what is stale rejects nobody."""
    queue = _fresh(state, unit, now)
    if queue is not None and not queue.active:
        return Verdict.INACTIVE
    slots = state.slots.get(unit)
    if (queue is not None and queue.free <= 0) or (slots is not None and slots.until > now and not slots.fits(call)):
        return Verdict.FULL
    until = state.gapped.get(unit)
    return Verdict.RATE if until is not None and until > now else None


def _fresh(state: State, unit: str, now: datetime) -> Queue | None:
    queue = state.queues.get(unit)
    return queue if queue is not None and queue.expires_at > now else None


def _told(state: State, unit: str, now: datetime) -> Told:
    queue = state.queues.get(unit)
    if queue is None:
        return Told.NOTHING
    return Told.FRESH if queue.expires_at > now else Told.STALE


def _last_resort(plan: Sequence[Entry], candidates: Sequence[Candidate]) -> LastResort:
    for entry, candidate in zip(plan, candidates, strict=True):
        if candidate.verdict in _TAKES_MESSAGES and entry.declaration.voicemail:
            return LastResort(LastResortKind.VOICEMAIL, entry.unit)
    for candidate in candidates:
        if candidate.verdict in _CALLS_BACK:
            return LastResort(LastResortKind.CALLBACK, candidate.unit)
    return A_CASE
