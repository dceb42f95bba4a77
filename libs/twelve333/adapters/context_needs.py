"""A province's own table of what the context of a call needs, from a file beside its settings, on top of the national one."""

from __future__ import annotations

from pathlib import Path

from ..core.decision import Refusal, Refused, refuse
from ..core.routing import codes
from ..core.routing.context_needs import Needs, needs_of
from ..data.context_needs import national_needs


def needs_with(path: Path) -> Needs:
    """The national table with the rows in a file.

    Raises:
        Refused: ROUTING_CONTEXT_NEEDS_MALFORMED, with the place.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Refused(refuse(codes.CONTEXT_NEEDS_MALFORMED, at=f"{path.name} (not a readable file)")) from error
    national = national_needs()
    own = needs_of(text, national.personal)
    if isinstance(own, Refusal):
        raise Refused(own)
    return national.with_own(own)
