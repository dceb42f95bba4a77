"""Who answers for a region, a topic, a language and a time, and why the others do not.

This is the question about coverage: it looks at what units declared and at the clock, not at a call, a node's health or seats.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from .model import Candidate, Verdict
from .snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Answer:
    """Who answers: the unit, or empty for nobody; all that were considered, in order; the version of the directory used."""

    unit: str
    candidates: tuple[Candidate, ...]
    version: int


def who_answers(snapshot: Snapshot, region: str, topic: str, language: str, at: datetime) -> Answer:
    """Return who answers.

    Args:
        snapshot: the directory.
        region: the place asked about; a county falls to its prefecture.
        topic: a classification code, or empty for any.
        language: a language tag.
        at: aware time.
    """
    local = snapshot.local(at)
    unit, found = "", list[Candidate]()
    for entry in snapshot.plan_for(region, topic, language):
        verdict = entry.verdict(topic, language, local)
        if verdict is None:
            verdict = Verdict.ELIGIBLE if unit else Verdict.CHOSEN
            unit = unit or entry.unit
        found.append(entry.candidate(verdict))
    return Answer(unit, tuple(found), snapshot.version)
