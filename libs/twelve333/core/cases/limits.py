"""What a command or an event must look like before any rule is asked: lengths, codes, and texts that may not be empty."""

from __future__ import annotations

from twelve333.core.decision import FieldViolation, Refusal, refuse
from twelve333.core.ids import UNIT_CODE_MALFORMED, check_unit_code, is_unit_code, shown

from . import codes
from .messages import CaseAnswered, CaseEvent, CaseOpened, DutyOffered, TransferOffered, TransferRefused
from .model import ANSWER_CHARS_MAX, REASON_CHARS_MAX, SIGNER_CHARS_MAX, STEPS_MAX, SUMMARY_CHARS_MAX, TOPIC_CHARS_MAX, Party


def check_text(name: str, text: str, most: int) -> Refusal | None:
    """Refuse a text that is blank or longer than `most` characters; the refusal names the field, never the text."""
    if not text.strip():
        code = codes.REASON_MISSING if name == "reason" else codes.TEXT_MISSING
        return Refusal(code, {"field": name}, (FieldViolation(name, code, {"field": name}),))
    if len(text) > most:
        params = {"field": name, "most": str(most), "length": str(len(text))}
        return Refusal(codes.TEXT_TOO_LONG, params, (FieldViolation(name, codes.TEXT_TOO_LONG, params),))
    return None


def check_opening(topic: str, region: str, summary: str) -> Refusal | None:
    """Refuse an opening without topic, region or summary, or with a text that is too long."""
    return check_text("topic", topic, TOPIC_CHARS_MAX) or check_unit_code(region) or check_text("summary", summary, SUMMARY_CHARS_MAX)


def check_reason(reason: str) -> Refusal | None:
    """Refuse a refusal without a reason: the unit that offered must be able to act on it."""
    return check_text("reason", reason, REASON_CHARS_MAX)


def check_answer(answer: str) -> Refusal | None:
    """Refuse an answer that says nothing or too much."""
    return check_text("answer", answer, ANSWER_CHARS_MAX)


def check_event(event: CaseEvent) -> Refusal | None:
    """Refuse an event that no honest member could have decided."""
    stamp = event.stamp
    if not 1 <= stamp.version <= STEPS_MAX:
        return refuse(codes.STEP_MALFORMED, id=stamp.case_id[:64], because="version")
    return _check_party(stamp.by) or check_text("signed_by", stamp.signed_by, SIGNER_CHARS_MAX) or _check_content(event)


def _check_content(event: CaseEvent) -> Refusal | None:
    match event:
        case CaseOpened():
            return check_opening(event.topic, event.region, event.summary)
        case TransferOffered() | DutyOffered():
            return _check_party(event.to)
        case TransferRefused():
            return check_reason(event.reason)
        case CaseAnswered():
            return check_answer(event.answer)
        case _:
            return None


def _check_party(party: Party) -> Refusal | None:
    fine = is_unit_code(party.unit) and is_unit_code(party.member)
    return None if fine else refuse(UNIT_CODE_MALFORMED, code=shown(party.unit))
