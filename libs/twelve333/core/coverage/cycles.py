"""Do fallbacks lead back to where they began? Found where they are published, so that no call ever goes round.

A ring counts only if all its parts hold at the same time for the same topic and language: two neighbours may stand in for each other
at different hours.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from .claims import Claim, minutes_that_matter, year_of
from .model import ALL_TOPICS
from .nearness import stands_in

Edges = Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class Ring:
    """Units that stand in for one another in a circle, and when: topic (empty: any), language, weekday and minute."""

    units: tuple[str, ...]
    topic: str
    language: str
    weekday: int
    minute: int


def rings(claims: Mapping[str, Claim]) -> Iterator[Ring]:
    """One ring for each group of units whose fallbacks lead back to where they began."""
    edges = {code: [other for other in claim.declaration.fallbacks if other in claims] for code, claim in claims.items()}
    for group in _groups(edges):
        ring = _closed([claims[code] for code in sorted(group)])
        if ring:
            yield ring


def _closed(group: Sequence[Claim]) -> Ring | None:
    """The first time, topic and language at which a ring among these is closed."""
    for topic in _named((topic for claim in group for topic in _topics_of(claim)), ""):
        for language in _named((language for claim in group for language in claim.declaration.languages), "zh"):
            for weeks in year_of(group):
                for weekday, minute, _ in minutes_that_matter(group, weeks):
                    there = {claim.unit: claim.is_open(week, weekday, minute) for claim, week in zip(group, weeks, strict=True)}
                    units = _ring(_active(group, topic, language, there))
                    if units:
                        return Ring(units, topic, language, weekday, minute)
    return None


def _active(group: Sequence[Claim], topic: str, language: str, there: Mapping[str, bool]) -> Edges:
    serving = {claim.unit for claim in group if claim.serves(topic, language)}
    return {
        claim.unit: [
            other
            for other, rule in claim.rules.items()
            if other in serving and other in there and stands_in(rule, topic, language, there[claim.unit])
        ]
        for claim in group
    }


def _ring(edges: Edges) -> tuple[str, ...]:
    """Some ring, from its smallest unit on; empty if there is none."""
    for group in _groups(edges):
        path = [min(group)]
        while (following := next(other for other in edges[path[-1]] if other in group)) not in path:
            path.append(following)
        ring = path[path.index(following) :]
        first = ring.index(min(ring))
        return (*ring[first:], *ring[:first])
    return ()


def _groups(edges: Edges) -> Iterator[set[str]]:
    """Groups of more than one unit, each of which leads to every other: found in what is left without the dead ends."""
    left = {unit: set(others) - {unit} for unit, others in edges.items()}
    changed = True
    while changed:
        reached = {other for others in left.values() for other in others}
        ends = [unit for unit, others in left.items() if unit not in reached or not others & left.keys()]
        changed = bool(ends)
        for unit in ends:
            del left[unit]
        for others in left.values():
            others &= left.keys()
    while left:
        start = min(left)
        group = _reachable(left, start) & {unit for unit in left if start in _reachable(left, unit)}
        if start in group:
            yield group | {start}
        for unit in group | {start}:
            left.pop(unit, None)
        for others in left.values():
            others &= left.keys()


def _reachable(edges: Mapping[str, set[str]], start: str) -> set[str]:
    seen, waiting = set[str](), [start]
    while waiting:
        for other in edges.get(waiting.pop(), ()):
            if other not in seen:
                seen.add(other)
                waiting.append(other)
    return seen


def _topics_of(claim: Claim) -> Iterator[str]:
    yield from (topic for topic in claim.declaration.topics if topic != ALL_TOPICS)
    yield from (topic for rule in claim.rules.values() for topic in rule.topics)


def _named(found: Iterable[str], always: str) -> list[str]:
    return sorted({always, *found})
