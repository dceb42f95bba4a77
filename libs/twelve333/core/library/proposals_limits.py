"""What a step of a proposal may hold, whoever made it; a member believes no other's word for it."""

from __future__ import annotations

from ..decision import Refusal, refuse
from ..ids import HUB, check_id, is_within
from . import proposal_codes as codes
from .model import NATIONAL
from .proposals import (
    NOTE_CHARS_MAX,
    PERSON_CHARS_MAX,
    SOURCE_CHARS_MAX,
    SOURCES_MAX,
    STEPS_MAX,
    Made,
    Person,
    ProposalKind,
    Resolved,
    Reviewed,
    Revised,
    Step,
    Text,
    Verdict,
    is_digest,
)
from .rules import is_region


def check_step(step: Step) -> Refusal | None:
    """Refuse a step that is not in order by itself, whatever the proposal."""
    if not 1 <= step.stamp.version <= STEPS_MAX:
        return refuse(codes.STEP_MALFORMED, id=step.stamp.proposal_id[:64], because="version")
    if refusal := check_person(step.stamp.by):
        return refusal
    match step:
        case Made():
            return check_id(step.entry_id) or _check_text(step.kind, step.text) or check_words(step.note, step.sources)
        case Revised() | Resolved():
            return _check_digests(step.text) or check_words(step.note if isinstance(step, Revised) else "")
        case Reviewed():
            return check_review(step)
        case _:
            return None


def check_person(person: Person) -> Refusal | None:
    """Refuse somebody who speaks for a unit that is not of their member, or has no name."""
    if not 1 <= len(person.name) <= PERSON_CHARS_MAX:
        return refuse(codes.STEP_MALFORMED, id="", because="name")
    own = person.unit == NATIONAL if person.member == HUB else is_region(person.unit) and is_within(person.unit, person.member)
    return None if own else refuse(codes.UNIT_FOREIGN, unit=person.unit[:32])


def check_words(note: str, sources: tuple[str, ...] = ()) -> Refusal | None:
    """Refuse a note or a list of sources that is too long."""
    if len(note) > NOTE_CHARS_MAX:
        return refuse(codes.NOTE_TOO_LONG, limit=NOTE_CHARS_MAX)
    if len(sources) > SOURCES_MAX or any(len(source) > SOURCE_CHARS_MAX for source in sources):
        return refuse(codes.SOURCES_TOO_MANY, limit=SOURCES_MAX, chars=SOURCE_CHARS_MAX)
    return None


def check_review(step: Reviewed) -> Refusal | None:
    """Refuse a return without a reason, and a merge that does not say into what."""
    if step.verdict is Verdict.RETURN and not step.reason.strip():
        return refuse(codes.REASON_MISSING)
    if (step.verdict is Verdict.MERGE) != (step.merging is not None):
        return refuse(codes.MERGE_WHERE)
    into = check_id(step.merging.entry_id) or _check_digests(step.merging.text) if step.merging else None
    return into or check_words(step.reason)


def _check_text(kind: ProposalKind, text: Text) -> Refusal | None:
    """Refuse a text that does not fit what is proposed: a new entry has no base, a removal no text."""
    if (kind is ProposalKind.NEW) != (text.base_version == 0) or (kind is ProposalKind.REMOVE) != (text.tombstone is not None):
        return refuse(codes.STEP_MALFORMED, id="", because="kind")
    return _check_digests(text)


def _check_digests(text: Text) -> Refusal | None:
    return None if is_digest(text.base_digest) and is_digest(text.digest) else refuse(codes.STEP_MALFORMED, id="", because="digest")
