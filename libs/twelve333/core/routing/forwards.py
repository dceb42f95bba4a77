"""Do forwards lead back to where they began? Rules that prefer other units, together with fallbacks, are followed at publication.

At a call the signed list of units visited ends every loop; a crossing of forwards would still send callers round. A ring counts only if
all its parts can hold for one call at one time: topics, languages, callers' regions, hours, validity. What no declaration can tell
apart (queues, shares, priorities) is taken to hold, as it does when everybody is busy.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import reduce
from operator import or_
from typing import Final

from ..coverage.claims import Claim
from ..coverage.model import ALL_TOPICS, MINUTES_A_DAY, FallbackRule, FallbackWhen, Span
from .model import HOPS_MAX
from .policy import Action, Policy, Rule, digits_of

ALWAYS: Final = (1 << 7 * MINUTES_A_DAY) - 1
_FIRST: Final = datetime.min.replace(tzinfo=UTC)
_LAST: Final = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Scope:
    """The calls for which a forward holds.

    Args:
        topics, callers: prefixes; empty: all.
        languages: tags; empty: all.
        minutes: of the week, one bit each.
        since, until: from when, and until before when.
    """

    topics: tuple[str, ...] = ()
    callers: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    minutes: int = ALWAYS
    since: datetime = _FIRST
    until: datetime = _LAST

    def within(self, other: Scope) -> Scope | None:
        """The calls for which both hold; None: there are none."""
        topics, callers = _prefixes(self.topics, other.topics), _prefixes(self.callers, other.callers)
        both = set(self.languages) & set(other.languages) if self.languages and other.languages else {*self.languages, *other.languages}
        minutes, since, until = self.minutes & other.minutes, max(self.since, other.since), min(self.until, other.until)
        if topics is None or callers is None or not minutes or since >= until or (self.languages and other.languages and not both):
            return None
        return Scope(topics, callers, tuple(sorted(both)), minutes, since, until)


Edges = Mapping[str, Sequence[tuple[str, Scope]]]


def forward_rings(policy: Policy, others: Iterable[Policy], claims: Mapping[str, Claim]) -> Iterator[tuple[int, tuple[str, ...]]]:
    """For each rule of a unit that leads back to it: the rule's number from 0, and the units in the order of the ring.

    Args:
        policy: the unit's rules, as they would be.
        others: the rules of all other units that are in force.
        claims: what is declared, by unit: fallbacks are forwards too.
    """
    edges = _edges([it for it in others if it.unit != policy.unit], claims)
    leading = _leading_to(policy.unit, edges)
    for number, rule in enumerate(policy.rules):
        for target, scope in _of_rule(rule, claims):
            ring = _back(policy.unit, target, scope, edges, leading, (policy.unit, target))
            if ring:
                yield number, ring
                break


def _back(start: str, unit: str, scope: Scope, edges: Edges, leading: frozenset[str], path: tuple[str, ...]) -> tuple[str, ...]:
    """The way from a unit back to where it began, for calls that are still left; empty if there is none of at most `HOPS_MAX` units."""
    if unit not in leading or len(path) > HOPS_MAX:
        return ()
    for following, condition in edges.get(unit, ()):
        left = scope.within(condition)
        if left is None:
            continue
        if following == start:
            return path
        if following not in path and (ring := _back(start, following, left, edges, leading, (*path, following))):
            return ring
    return ()


def _edges(policies: Iterable[Policy], claims: Mapping[str, Claim]) -> Edges:
    edges: dict[str, list[tuple[str, Scope]]] = {}
    for policy in policies:
        for rule in policy.rules:
            edges.setdefault(policy.unit, []).extend(_of_rule(rule, claims))
    for claim in claims.values():
        fallbacks = ((other, _of_fallback(rule, claim)) for other, rule in claim.rules.items() if other in claims)
        edges.setdefault(claim.unit, []).extend(_served(fallbacks, claims))
    return edges


def _of_rule(rule: Rule, claims: Mapping[str, Claim]) -> list[tuple[str, Scope]]:
    if rule.action is not Action.PREFER:
        return []
    when = rule.when
    minutes = _minutes((day.weekday, day.spans) for day in when.windows) if when.windows else ALWAYS
    callers = tuple(digits_of(region) for region in when.caller_regions)
    scope = Scope(when.topics, callers, when.languages, minutes, rule.valid_from or _FIRST, rule.valid_until or _LAST)
    return list(_served(((target.unit, scope) for target in rule.targets), claims))


def _of_fallback(rule: FallbackRule, claim: Claim) -> Scope:
    weeks = [_minutes(week.items()) for week in claim.weeks]
    opened, closed = reduce(or_, weeks), reduce(or_, (ALWAYS & ~week for week in weeks))
    minutes = {FallbackWhen.ANY: ALWAYS, FallbackWhen.BUSY: opened, FallbackWhen.CLOSED: closed}[rule.when]
    return Scope(rule.topics, (), rule.languages, minutes)


def _served(edges: Iterable[tuple[str, Scope]], claims: Mapping[str, Claim]) -> Iterator[tuple[str, Scope]]:
    """What of a forward its target takes: topics that it answers for."""
    for unit, scope in edges:
        declared = claims[unit].declaration.topics if unit in claims else ()
        left = scope if not declared or ALL_TOPICS in declared else scope.within(Scope(topics=tuple(declared)))
        if left is not None:
            yield unit, left


def _leading_to(start: str, edges: Edges) -> frozenset[str]:
    """Units from which some way leads to a unit, whatever its conditions: others need not be followed."""
    behind: dict[str, set[str]] = {}
    for unit, following in edges.items():
        for other, _ in following:
            behind.setdefault(other, set()).add(unit)
    found, waiting = {start}, [start]
    while waiting:
        for unit in behind.get(waiting.pop(), set()) - found:
            found.add(unit)
            waiting.append(unit)
    return frozenset(found)


def _prefixes(one: tuple[str, ...], other: tuple[str, ...]) -> tuple[str, ...] | None:
    """What both lists of prefixes cover; an empty list covers all. None: nothing."""
    if not one or not other:
        return one or other
    longer = {max(a, b, key=len) for a in one for b in other if a.startswith(b) or b.startswith(a)}
    return tuple(sorted(longer)) or None


def _minutes(days: Iterable[tuple[int, Iterable[Span]]]) -> int:
    """Spans of weekdays as minutes of the week."""
    minutes = 0
    for weekday, spans in days:
        for span in spans:
            minutes |= ((1 << (span.end - span.start)) - 1) << ((weekday - 1) * MINUTES_A_DAY + span.start)
    return minutes
