"""Links, provenance, attachments and days of an entry between the core and protobuf."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Final

from ..api.library.v1 import library_pb2 as pb
from ..core.decision import Refusal, refuse
from ..core.library import codes
from ..core.library.model import Attachment, KnownLink, Link, LinkKind, Provenance, ProvenanceStep

LINK_OUT: Final = {kind: pb.LinkKind.Value(f"LINK_KIND_{kind.name}") for kind in LinkKind}
LINK_IN: Final = {wire: kind for kind, wire in LINK_OUT.items()}
STEP_OUT: Final = {step: pb.ProvenanceStep.Value(f"PROVENANCE_STEP_{step.name}") for step in ProvenanceStep}
STEP_IN: Final = {wire: step for step, wire in STEP_OUT.items()}


def link_to_wire(link: Link) -> pb.Link:
    """A link as a message."""
    return pb.Link(kind=LINK_OUT[link.kind], target=link.target, since=day_out(link.since))


def links_from_wire(messages: Iterable[pb.Link]) -> tuple[Link, ...] | Refusal:
    """Links from messages; a kind of a newer publisher is left out of what is read, one without a kind is refused."""
    links: list[Link] = []
    for message in messages:
        since = day_in(message.since)
        if isinstance(since, Refusal):
            return since
        if message.kind == pb.LINK_KIND_UNSPECIFIED:
            return refuse(codes.LINK_MALFORMED, target=message.target[:64])
        if message.kind in LINK_IN:
            links.append(Link(LINK_IN[message.kind], message.target, since))
    return tuple(links)


def provenance_to_wire(step: Provenance) -> pb.Provenance:
    """A step of the provenance as a message."""
    said = pb.Provenance(step=STEP_OUT[step.step], by=step.by, on=day_out(step.on), reference=step.reference, digest=step.digest)
    said.MergeFrom(pb.Provenance(signature=step.signature, chain=step.chain))
    return said


def provenance_from_wire(messages: Iterable[pb.Provenance]) -> tuple[Provenance, ...] | Refusal:
    """The provenance from messages; a step of a newer publisher is left out of what is read, one without a step is refused."""
    steps: list[Provenance] = []
    for message in messages:
        on = day_in(message.on)
        if isinstance(on, Refusal):
            return on
        if message.step == pb.PROVENANCE_STEP_UNSPECIFIED:
            return refuse(codes.PROVENANCE_MALFORMED)
        if message.step in STEP_IN:
            signed = message.signature, tuple(message.chain)
            steps.append(Provenance(STEP_IN[message.step], message.by, on, message.reference, message.digest, *signed))
    return tuple(steps)


def attachment_to_wire(file: Attachment) -> pb.Attachment:
    """An attachment as a message."""
    return pb.Attachment(name=file.name, media_type=file.media_type, size=file.size, digest=file.digest, pieces=file.pieces)


def attachment_from_wire(message: pb.Attachment) -> Attachment:
    """An attachment from a message; the rules check it."""
    return Attachment(message.name, message.media_type, message.size, message.digest, tuple(message.pieces))


def known_to_wire(known: KnownLink) -> pb.KnownLink:
    """A link seen from its target, as a message."""
    return pb.KnownLink(
        kind=LINK_OUT[known.kind], entry_id=known.entry_id, title=known.title, since=day_out(known.since), applied=known.applied
    )


def known_from_wire(messages: Iterable[pb.KnownLink]) -> tuple[KnownLink, ...]:
    """Links seen from their target; kinds that this program does not know are left out."""
    known: list[KnownLink] = []
    for message in messages:
        since = day_in(message.since)
        if message.kind in LINK_IN and not isinstance(since, Refusal):
            known.append(KnownLink(LINK_IN[message.kind], message.entry_id, message.title, since, message.applied))
    return tuple(known)


def with_topics(content: bytes, topics: Iterable[str], before: Iterable[str]) -> bytes:
    """The bytes of an entry under other codes, with a step of provenance that says which it had; all else stays as it was sent."""
    entry = pb.Entry.FromString(content)
    del entry.topics[:]
    entry.topics.extend(topics)
    reference = f"{' '.join(before)} > {' '.join(entry.topics)}"
    entry.provenance.append(provenance_to_wire(Provenance(ProvenanceStep.MAPPED, reference=reference[:200])))
    return entry.SerializeToString(deterministic=True)


def day_out(day: date | None) -> str:
    """A day as text."""
    return day.isoformat() if day else ""


def day_in(text: str) -> date | Refusal | None:
    """A day from text; refuses what is no day."""
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return refuse(codes.DATE_MALFORMED, date=text[:20])
