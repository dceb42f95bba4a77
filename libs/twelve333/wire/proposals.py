"""Proposals between the core and protobuf; a step that cannot be read is a peer violation, never a crash."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from ..api.library.v1 import proposals_pb2 as pb
from ..core.decision import Refusal, Refused, refuse
from ..core.library import proposal_codes as codes
from ..core.library.proposals import (
    Made,
    Merging,
    Person,
    Proposal,
    ProposalKind,
    Published,
    Resolved,
    Reviewed,
    Revised,
    Seal,
    Stamp,
    State,
    Step,
    Submitted,
    Text,
    Verdict,
)
from ..core.library.sheets import Difference, FieldChange, ParagraphChange
from ..core.library.supplements import Supplement
from .library import tombstone_from_wire, tombstone_to_wire
from .times import from_timestamp, to_timestamp

KIND_OUT: Final = {
    ProposalKind.NEW: pb.PROPOSAL_KIND_NEW,
    ProposalKind.CHANGE: pb.PROPOSAL_KIND_CHANGE,
    ProposalKind.REMOVE: pb.PROPOSAL_KIND_REMOVE,
}
KIND_IN: Final = {wire: kind for kind, wire in KIND_OUT.items()}
STATE_OUT: Final = {
    State.DRAFT: pb.PROPOSAL_STATE_DRAFT,
    State.PROVINCE_REVIEW: pb.PROPOSAL_STATE_PROVINCE_REVIEW,
    State.MINISTRY_REVIEW: pb.PROPOSAL_STATE_MINISTRY_REVIEW,
    State.RETURNED: pb.PROPOSAL_STATE_RETURNED,
    State.ACCEPTED: pb.PROPOSAL_STATE_ACCEPTED,
    State.MERGED: pb.PROPOSAL_STATE_MERGED,
}
STATE_IN: Final = {wire: state for state, wire in STATE_OUT.items()}
VERDICT_OUT: Final = {Verdict.ACCEPT: pb.VERDICT_ACCEPT, Verdict.RETURN: pb.VERDICT_RETURN, Verdict.MERGE: pb.VERDICT_MERGE}
VERDICT_IN: Final = {wire: verdict for verdict, wire in VERDICT_OUT.items()}
_SAID: Final = b"twelve333 library v1 proposal\x00"


def step_to_wire(step: Step) -> pb.ProposalStep:
    """One step as it travels and is kept."""
    stamp = step.stamp
    message = pb.ProposalStep(proposal_id=stamp.proposal_id, version=stamp.version, by=person_to_wire(stamp.by), at=to_timestamp(stamp.at))
    match step:
        case Made():
            text = text_to_wire(step.text)
            made = pb.ProposalMade(entry_id=step.entry_id, kind=KIND_OUT[step.kind], text=text, sources=step.sources, note=step.note)
            message.made.CopyFrom(made)
        case Submitted():
            message.submitted.SetInParent()
        case Revised():
            message.revised.CopyFrom(pb.ProposalRevised(text=text_to_wire(step.text), note=step.note))
        case Resolved():
            message.resolved.CopyFrom(pb.ProposalResolved(text=text_to_wire(step.text), own=step.own))
        case Reviewed():
            message.reviewed.CopyFrom(_reviewed_out(step))
    return message


def step_from_wire(message: pb.ProposalStep) -> Step:
    """One step.

    Raises:
        Refused: LIBRARY_PROPOSAL_STEP_MALFORMED, for a step of a kind that we do not know, or a time that is none.
    """
    try:
        stamp = Stamp(message.proposal_id, message.version, person_from_wire(message.by), from_timestamp(message.at))
        match message.WhichOneof("done"):
            case "made":
                made = message.made
                return Made(stamp, made.entry_id, KIND_IN[made.kind], text_from_wire(made.text), tuple(made.sources), made.note)
            case "submitted":
                return Submitted(stamp)
            case "revised":
                return Revised(stamp, text_from_wire(message.revised.text), message.revised.note)
            case "resolved":
                return Resolved(stamp, text_from_wire(message.resolved.text), message.resolved.own)
            case "reviewed":
                return _reviewed_in(stamp, message.reviewed)
            case _:
                raise KeyError("done")
    except (KeyError, ValueError, OverflowError) as error:
        raise Refused(refuse(codes.STEP_MALFORMED, id=message.proposal_id[:64], because=type(error).__name__)) from error


def text_to_wire(text: Text) -> pb.ProposedText:
    """A proposed text as it travels."""
    return pb.ProposedText(
        title=text.title,
        base_version=text.base_version,
        base_digest=text.base_digest,
        digest=text.digest,
        fields=[pb.FieldChange(number=int(each.name), before=each.before, after=each.after) for each in text.change.fields],
        paragraphs=[pb.ParagraphChange(at=each.at, removed=each.removed, added=each.added) for each in text.change.paragraphs],
        tombstone=tombstone_to_wire(text.tombstone) if text.tombstone else None,
    )


def text_from_wire(message: pb.ProposedText) -> Text:
    """A proposed text; a tombstone without a reason is a `ValueError`."""
    tombstone = tombstone_from_wire(message.tombstone) if message.HasField("tombstone") else None
    if isinstance(tombstone, Refusal):
        raise ValueError(tombstone.code.name)
    fields = tuple(FieldChange(str(each.number), each.before, each.after) for each in message.fields)
    paragraphs = tuple(ParagraphChange(each.at, tuple(each.removed), tuple(each.added)) for each in message.paragraphs)
    change = Difference(fields, paragraphs)
    return Text(message.title, message.base_version, message.base_digest, message.digest, change, tombstone)


def person_to_wire(person: Person) -> pb.Person:
    """A person as they travel."""
    return pb.Person(member=person.member, unit=person.unit, name=person.name)


def person_from_wire(message: pb.Person) -> Person:
    """A person."""
    return Person(message.member, message.unit, message.name)


def published_to_wire(published: Published) -> pb.PublishedAs:
    """What became of a proposal, as it travels."""
    return pb.PublishedAs(release=published.release, entry_id=published.entry_id, version=published.version)


def published_from_wire(message: pb.PublishedAs) -> Published:
    """What became of a proposal."""
    return Published(message.release, message.entry_id, message.version)


def agreed_said(proposal: Proposal, verdict: Verdict, merging: Merging | None = None) -> bytes:
    """What a member signs when its reviewers agree: which text of which proposal, and what they said of it; see `ReviewSeal`."""
    text = proposal.text
    parts: Iterable[bytes] = (
        proposal.proposal_id.encode(),
        proposal.entry_id.encode(),
        proposal.kind.value.encode(),
        str(text.base_version).encode(),
        text.digest,
        verdict.value.encode(),
        merging.entry_id.encode() if merging else b"",
        merging.text.digest if merging else b"",
    )
    return _SAID + b"".join(len(part).to_bytes(4, "big") + part for part in parts)


def supplement_to_wire(supplement: Supplement) -> pb.Supplement:
    """A supplement as it is shown."""
    names = ("supplement_id", "entry_id", "unit", "anchor", "base_version", "text", "by")
    return pb.Supplement(**{name: getattr(supplement, name) for name in names}, at=to_timestamp(supplement.at))


def supplement_from_wire(message: pb.Supplement) -> Supplement:
    """A supplement."""
    head = message.supplement_id, message.entry_id, message.unit, message.anchor, message.base_version
    return Supplement(*head, message.text, message.by, from_timestamp(message.at))


def _reviewed_out(step: Reviewed) -> pb.ProposalReviewed:
    merging, seal = step.merging, step.seal
    return pb.ProposalReviewed(
        seen=step.seen,
        verdict=VERDICT_OUT[step.verdict],
        reason=step.reason,
        merging=pb.MergedInto(entry_id=merging.entry_id, text=text_to_wire(merging.text)) if merging else None,
        seal=pb.ReviewSeal(member=seal.member, signature=seal.signature, chain=seal.chain) if seal else None,
        published=published_to_wire(step.published) if step.published else None,
    )


def _reviewed_in(stamp: Stamp, message: pb.ProposalReviewed) -> Reviewed:
    merging = Merging(message.merging.entry_id, text_from_wire(message.merging.text)) if message.HasField("merging") else None
    seal = Seal(message.seal.member, message.seal.signature, tuple(message.seal.chain)) if message.HasField("seal") else None
    published = published_from_wire(message.published) if message.HasField("published") else None
    return Reviewed(stamp, message.seen, VERDICT_IN[message.verdict], message.reason, merging, seal, published)
