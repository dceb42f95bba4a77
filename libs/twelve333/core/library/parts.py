"""Links, provenance and attachments of an entry: what is in order, and what is known of an entry from others.

The reverse of a link is never written down: it is known from the entry that has the link, so it cannot contradict it. That an amendment is
known but not yet written into the text is told with the entry (as on legislation.gov.uk: "changes yet to be applied").
"""

from __future__ import annotations

from datetime import date
from typing import Final

from ..decision import FieldViolation
from ..ids import check_id, is_unit_code
from . import codes
from .model import HASH_BYTES, NATIONAL, PIECE_BYTES, Attachment, Entry, Link, LinkKind, Provenance

LINKS_MAX: Final = 200
PROVENANCE_MAX: Final = 100
REFERENCE_CHARS_MAX: Final = 200
ATTACHMENTS_MAX: Final = 20
ATTACHMENT_BYTES_MAX: Final = 256 << 20
NAME_CHARS_MAX: Final = 120


def parts_violations(entry: Entry) -> tuple[FieldViolation, ...]:
    """What is wrong with an entry's links, provenance and attachments, by field."""
    found = [
        FieldViolation("links", codes.LINK_TWICE) if len({(link.kind, link.target) for link in entry.links}) < len(entry.links) else None,
        FieldViolation("links", codes.TOO_MANY_PARTS, {"limit": str(LINKS_MAX)}) if len(entry.links) > LINKS_MAX else None,
        *(_link_violation(entry, link) for link in entry.links),
        FieldViolation("provenance", codes.TOO_MANY_PARTS, {"limit": str(PROVENANCE_MAX)})
        if len(entry.provenance) > PROVENANCE_MAX
        else None,
        *(FieldViolation("provenance", codes.PROVENANCE_MALFORMED) for step in entry.provenance if not _is_step(step)),
        FieldViolation("attachments", codes.TOO_MANY_PARTS, {"limit": str(ATTACHMENTS_MAX)})
        if len(entry.attachments) > ATTACHMENTS_MAX
        else None,
        *(
            FieldViolation("attachments", codes.ATTACHMENT_MALFORMED, {"name": file.name[:64]})
            for file in entry.attachments
            if not _is_file(file)
        ),
    ]
    return tuple(violation for violation in found if violation is not None)


def effective_since(link: Link, source: Entry) -> date | None:
    """First day on which a link of `source` has effect."""
    return link.since or source.valid_from


def is_applied(kind: LinkKind, since: date | None, target: Entry) -> bool:
    """Whether the target's own dates show what a link does to it: a repealed text has ended by then, and an amended one
    ended as the change came in, or began with it."""
    if kind in (LinkKind.INTERPRETS, LinkKind.IMPLEMENTS):
        return True
    if since is None:
        return target.valid_to is not None
    ended = target.valid_to is not None and target.valid_to <= since
    return ended or (kind is LinkKind.AMENDS and target.valid_from is not None and target.valid_from >= since)


def _link_violation(entry: Entry, link: Link) -> FieldViolation | None:
    """What is wrong with one link, if anything."""
    if check_id(link.target) is not None:
        return FieldViolation("links", codes.LINK_MALFORMED, {"target": link.target[:64]})
    return FieldViolation("links", codes.LINK_TO_ITSELF) if link.target == entry.id else None


def _is_step(step: Provenance) -> bool:
    """Whether a step of the provenance can be kept."""
    by = step.by in ("", NATIONAL) or is_unit_code(step.by)
    return by and len(step.reference) <= REFERENCE_CHARS_MAX and len(step.digest) in (0, HASH_BYTES)


def _is_file(file: Attachment) -> bool:
    """Whether an attachment names its content rightly: size, hashes and a name without a path."""
    named = 0 < len(file.name) <= NAME_CHARS_MAX and not set(file.name) & set("/\\\0") and file.name not in (".", "..")
    hashed = len(file.digest) == HASH_BYTES and all(len(piece) == HASH_BYTES for piece in file.pieces)
    return named and hashed and 0 < file.size <= ATTACHMENT_BYTES_MAX and len(file.pieces) == -(-file.size // PIECE_BYTES)
