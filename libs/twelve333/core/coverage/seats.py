"""What a declaration says of a unit's seats, as limits that a call counts against.

Every call that needs it counts against a limit of all calls: the seats there are, the seats with a skill. *Kept seats* are shares of all
seats, and each call sits in one of them: those granted to a unit, to a province, and the rest for everybody. A telephone system gives the
call to the consultant who can do least else, so that a skill's seats are taken last; then as many calls that need the skill find a seat
as have it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Final

from ..ids import is_province_code, province_of
from .model import ALL_SOURCES, Declaration

ALL_SEATS: Final = "all"
FOR_EVERYBODY: Final = "for *"
NAME_CHARS_MAX: Final = 64


@dataclass(frozen=True, slots=True)
class Part:
    """Some of a unit's seats.

    Args:
        name: says which part; the same at every node that has the same declaration.
        seats: how many.
        kept: whether a call sits in one such part; otherwise every call that needs the part counts.
        source: for whom it is kept: a unit, a province or `*`.
        topics: for calls about these only, prefixes; `()`: all. Of a skill: the topic.
        language: of a skill; empty: any.
    """

    name: str
    seats: int
    kept: bool = False
    source: str = ALL_SOURCES
    topics: tuple[str, ...] = ()
    language: str = ""

    def takes(self, source: str, topic: str, language: str) -> bool:
        """Whether a call counts here.

        Args:
            source: the unit that hands it on; empty: not known, then only what is for everybody.
            topic, language: of the call.
        """
        return self.is_about(topic, language) and self.is_for(source)

    def is_about(self, topic: str, language: str) -> bool:
        """Whether it is for calls about this; one about anything needs no seat for certain topics, one in `zh-Hant` needs one in `zh`."""
        if self.topics and not (topic and topic.startswith(self.topics)):
            return False
        return not self.language or self.language in (language, language.partition("-")[0])

    def is_for(self, source: str) -> bool:
        """Whether it is for calls that this unit hands on."""
        if self.source in (ALL_SOURCES, source):
            return True
        return bool(source) and is_province_code(self.source) and province_of(source) == self.source

    def is_for_any(self, units: Collection[str]) -> bool:
        """Whether it is for calls that one of these units hands on."""
        return self.source == ALL_SOURCES or any(map(self.is_for, units))


def parts_of(declaration: Declaration) -> tuple[Part, ...]:
    """All limits of a unit: all seats first, then its skills, then what is kept, the narrowest first; seats for everybody come last.

    Args:
        declaration: what the unit declares.
    """
    skills: dict[str, Part] = {}
    for skill in declaration.skills:
        topics = (skill.topic,) if skill.topic else ()
        _add(skills, Part(f"skill {skill.topic or '*'} {skill.language or '*'}", skill.seats, topics=topics, language=skill.language))
    kept: dict[str, Part] = {}
    for grant in declaration.grants:
        _add(kept, Part(_named(grant.source, grant.topics), grant.seats, kept=True, source=grant.source, topics=grant.topics))
    if kept:
        rest = declaration.seats - sum(part.seats for part in kept.values())
        _add(kept, Part(FOR_EVERYBODY, rest, kept=True))
    return (Part(ALL_SEATS, declaration.seats), *skills.values(), *sorted(kept.values(), key=_narrowest_first))


def _add(parts: dict[str, Part], part: Part) -> None:
    known = parts.get(part.name)
    parts[part.name] = replace(known, seats=known.seats + part.seats) if known else part


def _named(source: str, topics: tuple[str, ...]) -> str:
    name = f"for {source}" + (" " + ",".join(topics) if topics else "")
    return name if len(name) <= NAME_CHARS_MAX else f"for {source} {hashlib.sha256(name.encode()).hexdigest()[:32]}"


def _narrowest_first(part: Part) -> tuple[bool, bool, bool, str]:
    return part.source == ALL_SOURCES, is_province_code(part.source), not part.topics, part.name
