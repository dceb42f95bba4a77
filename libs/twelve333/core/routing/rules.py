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
from ..coverage.model import Candidate, Told, Verdict
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

# Looked up once: of an enumeration each look-up costs as much as a look into the directory.
_CHOSEN, _ELIGIBLE = Verdict.CHOSEN, Verdict.ELIGIBLE
_RULE, _INACTIVE, _FULL, _RATE = Verdict.RULE, Verdict.INACTIVE, Verdict.FULL, Verdict.RATE
_VOICEMAIL, _CALLBACK = LastResortKind.VOICEMAIL, LastResortKind.CALLBACK
_NOTHING, _FRESH, _STALE = Told.NOTHING, Told.FRESH, Told.STALE
# A unit considered, what speaks against it, the rule if it is one, how much was known of its queue, whether the reserve for priority
# calls decided, and its rules.
_Weighed = tuple[Entry, Verdict | None, str, Told, bool, Policies | None]


def check_call(call: Call) -> Refusal | None:
    """Refuse a call whose region, topic, language, list of units visited, priority or draw is malformed."""
    refusal = check_question(call.region, call.topic, call.language)
    if refusal is None and call.caller_region:
        refusal = check_unit_code(call.caller_region)
    if refusal is None and len(call.visited) > HOPS_MAX:
        refusal = refuse(codes.HOPS_TOO_MANY, hops=len(call.visited), most=HOPS_MAX)
    if refusal is None and not (0 <= call.priority <= PRIORITY_MAX and 0.0 <= call.draw < 1.0):
        refusal = refuse(codes.PRIORITY_OUT_OF_RANGE, priority=call.priority, most=PRIORITY_MAX, draw=call.draw)
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
    plan = snapshot.plan_for(call.region, call.topic, call.language)
    weighed = _named(snapshot, plan, state, call, local, now, policies) if plan and policies else []
    first = {each[0].unit for each in weighed} if weighed else ()
    weighed += [_weigh(entry, state, call, local, now, policies) for entry in plan if entry.unit not in first]
    candidates: list[Candidate] = []
    used: list[tuple[str, int]] = []
    chosen, message, calls_back = False, "", ""
    for entry, verdict, by_rule, told, reserved, own in weighed:
        if verdict is None:
            verdict, chosen = (_ELIGIBLE if chosen else _CHOSEN), True
        candidates.append(entry.candidate(verdict, told, by_rule, reserved=reserved))
        if own is not None:
            used.append(own.version)
        if entry.voicemail and not message and verdict in _TAKES_MESSAGES:
            message = entry.unit
        if not calls_back and verdict in _CALLS_BACK:
            calls_back = entry.unit
    last = LastResort(_VOICEMAIL, message) if message else LastResort(_CALLBACK, calls_back) if calls_back else A_CASE
    return Route(call, tuple(candidates), last, snapshot.version, now, snapshot.calendar.version, tuple(used))


def _named(
    snapshot: Snapshot,
    plan: Sequence[Entry],
    state: State,
    call: Call,
    local: LocalTime,
    now: datetime,
    policies: Mapping[str, Policies],
) -> list[_Weighed]:
    """The units that a rule of the first owner wants tried first, weighed, in the order drawn."""
    own = policies.get(plan[0].unit)
    if own is None or not call.topic.startswith(own.prefer_topics):
        return []
    queue = _fresh(state, plan[0].unit, now)
    for rule in own.prefer:
        if rule.holds(call, queue, local, now):
            able: list[tuple[int, _Weighed]] = []
            unable: list[_Weighed] = []
            for target in rule.targets:
                entry = snapshot.named.get(target.unit)
                if entry is not None:
                    _, verdict, by_rule, told, reserved, its_own = _weigh(entry, state, call, local, now, policies)
                    found = entry, verdict, by_rule or rule.name, told, reserved, its_own
                    able.append((target.weight, found)) if verdict is None else unable.append(found)
            return by_weight(able, rule.rest_of(call.draw)) + unable
    return []


def _weigh(entry: Entry, state: State, call: Call, local: LocalTime, now: datetime, policies: Mapping[str, Policies]) -> _Weighed:
    """What speaks against a unit for this call, the first in order."""
    unit, visited = entry.unit, call.visited
    queue, told, own = state.queues.get(unit), _NOTHING, policies.get(unit)
    if queue is not None:
        queue, told = (queue, _FRESH) if queue.expires_at > now else (None, _STALE)
    if visited and (unit in visited or len(visited) >= HOPS_MAX):
        return entry, Verdict.LOOP if unit in visited else Verdict.HOP_LIMIT, "", told, False, own
    verdict = entry.verdict(call.topic, call.language, local) or _out_of_reach(entry, state, now)
    if verdict is not None:
        return entry, verdict, "", told, False, own
    if own is not None and call.topic.startswith(own.refuse_topics):
        for rule in own.refuse:
            if rule.holds(call, queue, local, now):
                return entry, _RULE, rule.name, told, False, own
    verdict, gap = _no_room(unit, queue, state, call, now), state.gapped.get(unit)
    if verdict is None and gap is not None and gap.until > now:
        return entry, None if gap.reserve and call.has_priority else _RATE, "", told, gap.reserve, own
    return entry, verdict, "", told, False, own


def _out_of_reach(entry: Entry, state: State, now: datetime) -> Verdict | None:
    if entry.no_node:
        return Verdict.NO_NODE
    if state.unreachable:
        until = state.unreachable.get(entry.member)
        if until is not None and until > now:
            return Verdict.UNREACHABLE
    if state.refused:
        until = state.refused.get(entry.unit)
        if until is not None and until > now:
            return Verdict.RECENTLY_REFUSED
    return None


def _no_room(unit: str, queue: Queue | None, state: State, call: Call, now: datetime) -> Verdict | None:
    """Whether a unit has no seat for the call, as far as it told lately or as we hold slots of it; what is stale rejects nobody."""
    if queue is not None and not queue.active:
        return _INACTIVE
    slots = state.slots.get(unit)
    if (queue is not None and queue.free <= 0) or (slots is not None and slots.until > now and not slots.fits(call)):
        return _FULL
    return None


def _fresh(state: State, unit: str, now: datetime) -> Queue | None:
    queue = state.queues.get(unit)
    return queue if queue is not None and queue.expires_at > now else None
